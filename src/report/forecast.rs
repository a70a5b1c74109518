//! The forecast as a reader sees it: the numbers, and the sentences that say them.

use super::{
    document::{CampaignReport, ForecastPointRow, ForecastReport, MoveRow, ScoreRow},
    inert,
    inputs::Inputs,
    words::{self, counted, day, grouped, sentence_case},
};
use crate::{
    analysis::{
        CampaignFindings, Forecast, Recorded,
        forecast::{Counted, Move, Outlook, Score, look_back},
    },
    evidence::Day,
};

/// Integrations that one move names; its count has them all.
const MAX_MOVED: usize = 50;

/// What is forecast, and how the forecasts before it did. The numbers of a day stand as they were recorded on it.
pub(super) fn report(inputs: &Inputs<'_>, found: &CampaignFindings) -> ForecastReport {
    let recorded = inputs.forecasts.get(&found.campaign.id).map_or(&[][..], Vec::as_slice);
    let today = inputs.findings.today();
    let scores = look_back(recorded, &found.burndown, today).iter().map(score).collect();
    match &found.forecast {
        Forecast::NotEnough(missing) => ForecastReport { missing: inert::sentence(missing), scores, ..ForecastReport::default() },
        Forecast::Known(outlook) => {
            let as_recorded: Vec<Recorded> = recorded.iter().filter(|made| made.day == today).copied().collect();
            if inputs.looking_back && as_recorded.is_empty() {
                let missing = "none was recorded on that day".to_owned();
                return ForecastReport { missing, scores, ..ForecastReport::default() };
            }
            let path = if as_recorded.is_empty() { &outlook.path } else { &as_recorded };
            ForecastReport { scores, ..of(inputs, outlook, path) }
        }
    }
}

fn of(inputs: &Inputs<'_>, outlook: &Outlook, path: &[Recorded]) -> ForecastReport {
    let path: Vec<ForecastPointRow> = path.iter().map(point).collect();
    ForecastReport {
        missing: String::new(),
        counted: match outlook.counted {
            Counted::Remaining => "remaining",
            Counted::Failing => "failing",
        },
        end: path.last().cloned(),
        zero_day_p10: outlook.zero_day.p10,
        zero_day_p50: outlook.zero_day.p50,
        zero_day_p90: outlook.zero_day.p90,
        path,
        still_used: outlook.still_used,
        needed_a_week: outlook.needed_a_week,
        stopped_a_week: outlook.stopped_a_week,
        last_visible_stop: Some(outlook.last_visible_stop),
        moves: outlook.moves.iter().map(|it| moved(inputs, it)).collect(),
        scores: Vec::new(),
    }
}

fn point(made: &Recorded) -> ForecastPointRow {
    ForecastPointRow {
        date: made.target,
        p10: made.quantiles.p10,
        p50: made.quantiles.p50,
        p90: made.quantiles.p90,
        zero_probability: made.zero_probability,
    }
}

fn moved(inputs: &Inputs<'_>, it: &Move) -> MoveRow {
    let name = inputs.clients.get(&it.client).map_or(it.client.as_str(), |client| client.name.as_str());
    MoveRow {
        client_name: inert::name(name),
        owner: it.owner.as_deref().map(inert::name).unwrap_or_default(),
        integration_count: it.integrations.len(),
        integrations: it.integrations.iter().take(MAX_MOVED).map(|id| inert::name(id)).collect(),
        effect: it.effect,
    }
}

fn score(score: &Score) -> ScoreRow {
    ScoreRow {
        from_days: score.distance.0,
        to_days: (score.distance.1 < i32::MAX).then_some(score.distance.1),
        forecasts: score.forecasts,
        held: score.held,
        error: score.error,
        error_unchanged: score.error_unchanged,
        error_line: score.error_line,
        pinball: score.pinball,
        pinball_unchanged: score.pinball_unchanged,
        pinball_line: score.pinball_line,
    }
}

/// The answer first.
pub(super) fn verdict(c: &CampaignReport) -> String {
    let end = c.forecast.end.as_ref().filter(|_| !c.blind);
    if c.removed {
        return match c.counts.failing {
            _ if c.blind => format!("Is it repaired? Unknown: {}.", words::unseen(c, "it")),
            0 => "Is it repaired? Nothing that was seen fails.".to_owned(),
            failing => format!("Is it repaired? Not yet: {} still fails.", counted(failing, "integration"))
                .replace("s still fails", "s still fail"),
        };
    }
    if c.blind {
        return format!("Will it be done in time? Unknown, {}.", words::unseen(c, "it"));
    }
    let answer = match end.map(|end| end.zero_probability) {
        _ if c.counts.remaining == 0 => "nothing that was seen remains",
        None => "it is too early to say",
        Some(0.9..) => "yes, very probably",
        Some(0.6..) => "probably",
        Some(0.4..) => "it is open",
        Some(0.1..) => "probably not",
        Some(_) => "no, not at this pace",
    };
    format!("Will it be done in time? {}.", sentence_case(answer))
}

/// Will it be done, and how sure is that.
pub(super) fn outlook(c: &CampaignReport) -> String {
    let f = &c.forecast;
    let Some(end) = f.end.as_ref().filter(|_| !c.blind) else {
        let missing = if f.missing.is_empty() { "nothing is known" } else { &f.missing };
        return format!("There is no forecast yet: {missing}.");
    };
    let range = if end.p10 == end.p90 {
        String::new()
    } else {
        format!(" (four times in five between {} and {})", grouped(end.p10.into()), grouped(end.p90.into()))
    };
    if c.removed {
        if c.counts.failing == 0 {
            return "Nothing that was seen fails, so there is nothing to forecast.".to_owned();
        }
        return format!(
            "Forecast: {} expected to still fail on {}{range}; {}.",
            grouped(i64::from(end.p50)),
            date(end.date),
            zero_day(f, "everything that fails now is repaired")
        );
    }
    format!(
        "Forecast: {} expected to remain at the removal{range}; {} that none does; {}.",
        grouped(i64::from(end.p50)),
        chance(end.zero_probability),
        zero_day(f, "nothing is left"),
    )
}

/// What is needed from now on, and what there is.
pub(super) fn needed(c: &CampaignReport) -> Option<String> {
    let f = &c.forecast;
    f.end.as_ref().filter(|_| !c.removed && !c.blind)?;
    let visible = f.last_visible_stop?;
    let late = format!(
        "Most of what stops after {} still counts at the removal, because it will not have been silent for long enough.",
        date(visible)
    );
    Some(format!(
        "To be done in time {} must stop each week from now on; {} a week stopped in the last four weeks. {late}",
        rate(f.needed_a_week),
        rate(f.stopped_a_week)
    ))
}

/// A few a week by their tenths; of many nobody counts those.
fn rate(a_week: f64) -> String {
    const FEW: f64 = 20.0;
    #[expect(clippy::cast_possible_truncation, reason = "integrations are far below 2^53")]
    if a_week < FEW { format!("{a_week:.1}") } else { grouped(a_week.round() as i64) }
}

/// How the last forecasts did.
pub(super) fn past(c: &CampaignReport) -> String {
    let of = |score: &ScoreRow| {
        let distance = match score.to_days {
            Some(to) if score.from_days == 1 => format!("up to {} ahead", counted(to, "day")),
            Some(to) => format!("{} to {} ahead", score.from_days, counted(to, "day")),
            None => format!("{} ahead and more", counted(score.from_days, "day")),
        };
        format!(
            "of {} {distance}, {:.0} % held what came in their range of four in five, and they missed it by {:.1} on average \
             (\u{201c}nothing changes\u{201d} would have missed by {:.1}, a straight line by {:.1})",
            counted(score.forecasts, "forecast"),
            score.held * 100.0,
            score.error,
            score.error_unchanged,
            score.error_line
        )
    };
    match c.forecast.scores.iter().map(of).collect::<Vec<_>>() {
        scores if scores.is_empty() => "No earlier forecast has met its day yet.".to_owned(),
        scores => format!("How earlier forecasts did: {}.", scores.join("; ")),
    }
}

fn date(at: Day) -> String {
    day(at.start())
}

/// A probability in words: nothing is impossible, and nothing is certain.
fn chance(probability: f64) -> String {
    match probability {
        p if p < 0.01 => "a chance below 1 %".to_owned(),
        p if p > 0.99 => "a chance above 99 %".to_owned(),
        p => format!("a chance of {:.0} %", p * 100.0),
    }
}

fn zero_day(f: &ForecastReport, done: &str) -> String {
    match (f.zero_day_p10, f.zero_day_p50, f.zero_day_p90) {
        (None, ..) => format!("a year after the removal it is still unlikely that {done}"),
        (Some(early), None, _) => {
            format!("{done} on {} at the earliest, and more likely not within a year of the removal", date(early))
        }
        (Some(early), Some(middle), None) => {
            format!("{done} about {}, on {} at the earliest, perhaps much later", date(middle), date(early))
        }
        (Some(early), Some(middle), Some(late)) => {
            format!("{done} about {}, between {} and {}", date(middle), date(early), date(late))
        }
    }
}
