//! What is measured of one watched world. README.md beside this file says what each figure means and why.

use std::collections::{BTreeMap, BTreeSet};

use duskwatch::{
    evidence::{Grade, Origin, Status},
    simulator::{Integration, World},
};

use super::{
    forecasts,
    table::Sample,
    truth::Truth,
    watch::{Row, View, failing_uses},
};

/// How far down a ranking is read.
const DEPTH: usize = 20;

/// Which integrations a row can be about.
#[derive(Debug)]
enum About {
    /// The one with its user, client and origin.
    Whole(u32),
    /// Those that use the legacy credential and agree with all it names, where it leaves something open; perhaps none.
    Partly(Vec<u32>),
}

/// The figures of one world, by name.
pub fn of(world: &World, truth: &Truth<'_>, views: &[View], expected: &BTreeMap<u32, f64>) -> BTreeMap<&'static str, Sample> {
    let mut figures: BTreeMap<&'static str, Sample> = forecasts::figures(views);
    let gains = failing_uses(world);
    for view in views {
        let about = view.rows.iter().map(|row| about(world, truth, row)).collect();
        let judged = Judged { world, truth, view, about };
        let mut add = |name, sample: Sample| figures.entry(name).or_default().add(&sample);
        add("remaining, proven and strong: precision", judged.precision(true));
        add("remaining, proven and strong: recall", judged.recall(Grade::Strong));
        add("remaining, all grades: precision", judged.precision(false));
        add("remaining, all grades: recall", judged.recall(Grade::Weak));
        add("status, exact", judged.status());
        add("migrated or retired, wrong", judged.wrongly_done());
        add("migrated or retired, not truly either", judged.not_truly_done());
        add("rows that leave something open", judged.open());
        add("not observed, of those that remain", judged.unobserved());
        if let Some(pairs) = &view.pairs {
            add("attribution, pairwise F1", Sample::of(pairs.f1(), pairs.slips(world)));
            let strict = pairs.strictly();
            add("attribution, strictly: pairwise F1", Sample::of(strict.f1(), strict.slips(world)));
            add("evidence whose line is not known", pairs.unmarked());
        }
        if view.weeks_left == 0 {
            add("ranking on the eve, places of open rows", judged.open_places());
            add("ranking on the eve, by expected gains", judged.ranking(expected, &judged.said_order()));
            add("ranking on the eve, without open rows", judged.ranking(&gains, &judged.said_order_of_named()));
            add(
                "ranking on the eve, at best",
                judged.ranking(&gains, &judged.order_by(|it| expected.get(&it).copied().unwrap_or(0.0))),
            );
        }
        for (weeks, said, habit) in RANKINGS {
            if *weeks == view.weeks_left {
                add(said, judged.ranking(&gains, &judged.said_order()));
                add(habit, judged.ranking(&gains, &judged.order_by_habit()));
            }
        }
    }
    figures
}

/// The views whose ranking is judged: weeks before the removal, the figure of what is said, and that of the order by the
/// true uses of the last four weeks, which knows everything but the future.
const RANKINGS: &[(i64, &str, &str)] = &[
    (0, "ranking on the eve, NDCG@20", "ranking on the eve, by true uses of 28 days"),
    (2, "ranking 2 weeks before, NDCG@20", "ranking 2 weeks before, by true uses"),
    (8, "ranking 8 weeks before, NDCG@20", "ranking 8 weeks before, by true uses"),
];
/// Days of true uses that [`Judged::order_by_habit`] orders by.
const HABIT_DAYS: i32 = 28;

fn about(world: &World, truth: &Truth<'_>, row: &Row) -> About {
    if let Some(integration) = truth.named(&row.key) {
        return About::Whole(integration);
    }
    let legacy = world.truth().integrations().iter().filter(|it| truth.is_legacy(it.id));
    About::Partly(legacy.filter(|it| agrees(world, it, row)).map(|it| it.id).collect())
}

/// Whether an integration agrees with all that a row names. Builders spell the names of their jobs in their own way, some
/// with the number of a run behind it.
fn agrees(world: &World, integration: &Integration, row: &Row) -> bool {
    let (user, client, origin) = &row.key;
    let job = integration.job.as_ref().is_some_and(|job| job.to_lowercase().starts_with(&origin.to_lowercase()));
    let carried_about = integration.origin == Origin::Roaming && origin.contains('/');
    (user.is_empty() || *user == world.truth().users()[integration.user].account_id)
        && (client == "unknown" || *client == integration.client)
        && (origin == "unknown" || job || carried_about || *origin == integration.origin.text())
}

/// One view, with its rows matched.
struct Judged<'a> {
    world: &'a World,
    truth: &'a Truth<'a>,
    view: &'a View,
    about: Vec<About>,
}

impl Judged<'_> {
    fn rows(&self) -> impl Iterator<Item = (&Row, &About)> {
        self.view.rows.iter().zip(&self.about)
    }

    fn truly_remains(&self, integration: u32) -> bool {
        self.view.real.get(&integration).is_some_and(|status| status.remaining())
    }

    /// Of the rows that are said to remain, those that do.
    fn precision(&self, only_known: bool) -> Sample {
        let said = self.rows().filter(|(row, _)| row.status.remaining() && (row.known || !only_known));
        let mut sample = Sample::default();
        for (row, about) in said {
            let right = match about {
                About::Whole(integration) => self.truly_remains(*integration),
                About::Partly(some) => some.iter().any(|it| self.truly_remains(*it)),
            };
            let slip = || format!("{}: said to remain: {row:?}, is {:?}", self.view.day(), self.really(about));
            sample.count(right, (!right).then(slip));
        }
        sample
    }

    /// Of the integrations that truly remain and whose log has given them away at a grade, those that are said to.
    fn recall(&self, least: Grade) -> Sample {
        let said = self.named();
        let mut sample = Sample::default();
        for integration in self.view.real.keys().filter(|it| self.truly_remains(**it)) {
            if self.truth.shown(*integration, least, self.view.now) {
                let row = said.get(integration);
                let right = row.is_some_and(|row| row.status.remaining() && (row.known || least < Grade::Strong));
                let slip = || format!("{}: remains: {}: {row:?}", self.view.day(), self.words(*integration));
                sample.count(right, (!right).then(slip));
            }
        }
        sample
    }

    fn status(&self) -> Sample {
        let said = self.named();
        let mut sample = Sample::default();
        for (integration, status) in &self.view.real {
            if self.truth.shown(*integration, Grade::Weak, self.view.now) {
                let row = said.get(integration);
                let right = row.is_some_and(|row| row.status == *status);
                let slip = || format!("{}: {status}: {}: {row:?}", self.view.day(), self.words(*integration));
                sample.count(right, (!right).then(slip));
            }
        }
        sample
    }

    /// Of all rows, those that name no user, client or origin.
    fn open(&self) -> Sample {
        let mut sample = Sample::default();
        self.about.iter().for_each(|about| sample.count(matches!(about, About::Partly(_)), None));
        sample
    }

    /// Of the verdicts that an integration is done with the legacy credential, those of which it is not. What never had one
    /// is done with it.
    fn wrongly_done(&self) -> Sample {
        let done = |status: Status| matches!(status, Status::Migrated | Status::Retired);
        let mut sample = Sample::default();
        for (row, about) in self.rows().filter(|(row, _)| done(row.status)) {
            let real = self.really(about);
            let wrong = !real.is_empty() && !real.iter().any(|status| done(*status));
            let slip = || format!("{}: said to be {}: {row:?}, is {real:?}", self.view.day(), row.status);
            sample.count(wrong, wrong.then(slip));
        }
        sample
    }

    /// The same by the letter: also what never had a legacy credential is neither migrated nor retired.
    fn not_truly_done(&self) -> Sample {
        let done = |status: Status| matches!(status, Status::Migrated | Status::Retired);
        let mut sample = Sample::default();
        for (_, about) in self.rows().filter(|(row, _)| done(row.status)) {
            sample.count(!self.really(about).into_iter().any(done), None);
        }
        sample
    }

    /// Of what truly remains, what no log has given away.
    fn unobserved(&self) -> Sample {
        let mut sample = Sample::default();
        for integration in self.view.real.keys().filter(|it| self.truly_remains(**it)) {
            sample.count(!self.truth.shown(*integration, Grade::Weak, self.view.now), None);
        }
        sample
    }

    /// The ranked integrations, the first first; a row that leaves something open is none that gains, and neither is a further
    /// row of the same integration.
    fn said_order(&self) -> Vec<Option<u32>> {
        let of = |about: &About| if let About::Whole(integration) = about { Some(*integration) } else { None };
        let mut ranked: Vec<(u64, Option<u32>)> = self.rows().filter_map(|(row, about)| Some((row.rank?, of(about)))).collect();
        ranked.sort_unstable();
        let mut met = BTreeSet::new();
        ranked.into_iter().map(|(_, integration)| integration.filter(|it| met.insert(*it))).collect()
    }

    fn said_order_of_named(&self) -> Vec<Option<u32>> {
        self.said_order().into_iter().flatten().map(Some).collect()
    }

    /// Of the first [`DEPTH`] places, those of rows that leave something open or say an integration again.
    fn open_places(&self) -> Sample {
        let mut sample = Sample::default();
        self.said_order().iter().take(DEPTH).for_each(|it| sample.count(it.is_none(), None));
        sample
    }

    /// The integrations of the universe, by how often they truly used the legacy credential of late.
    fn order_by_habit(&self) -> Vec<Option<u32>> {
        let (truth, end) = (self.world.truth(), self.view.day().plus(1));
        self.order_by(|integration| {
            let it = &truth.integrations()[integration as usize];
            f64::from(u32::try_from(truth.legacy_uses(it, end.plus(-HABIT_DAYS), end).count()).unwrap())
        })
    }

    /// The integrations of the universe by a value, the greatest first.
    fn order_by(&self, value: impl Fn(u32) -> f64) -> Vec<Option<u32>> {
        let all = self.world.truth().integrations().iter().map(|it| it.id);
        let shown = all.filter(|it| self.truth.shown(*it, Grade::Weak, self.view.now));
        let mut order: Vec<(f64, u32)> = shown.map(|it| (value(it), it)).collect();
        order.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        order.into_iter().map(|(_, integration)| Some(integration)).collect()
    }

    /// Normalised discounted cumulative gain of an order, by the true failing uses. The ideal order is that of the universe.
    fn ranking(&self, gains: &BTreeMap<u32, f64>, order: &[Option<u32>]) -> Sample {
        let said: Vec<f64> = order.iter().map(|it| it.and_then(|it| gains.get(&it)).copied().unwrap_or(0.0)).collect();
        let shown = gains.iter().filter(|(integration, _)| self.truth.shown(**integration, Grade::Weak, self.view.now));
        let mut best: Vec<f64> = shown.map(|(_, gain)| *gain).collect();
        best.sort_unstable_by(|a, b| b.total_cmp(a));
        if best.is_empty() { Sample::default() } else { Sample::of(ndcg(&said, &best), Vec::new()) }
    }

    /// The row of each integration. Where a name is not resolved it can have two: the one that was seen last says where it
    /// stands.
    fn named(&self) -> BTreeMap<u32, &Row> {
        let mut named: BTreeMap<u32, &Row> = BTreeMap::new();
        for (row, about) in self.rows() {
            if let About::Whole(integration) = about {
                let newest = named.entry(*integration).or_insert(row);
                if row.last_seen > newest.last_seen {
                    *newest = row;
                }
            }
        }
        named
    }

    fn really(&self, about: &About) -> Vec<Status> {
        let some = match about {
            About::Whole(integration) => std::slice::from_ref(integration),
            About::Partly(some) => some,
        };
        some.iter().filter_map(|it| self.view.real.get(it).copied()).collect()
    }

    fn words(&self, integration: u32) -> String {
        let it = &self.world.truth().integrations()[integration as usize];
        format!("{} {:?} {} {} {:?}", it.kind, it.door, it.client, it.origin.text(), it.fate)
    }
}

/// The discounted cumulative gain of the first [`DEPTH`], over that of the best order: gains are linear, the discount is
/// the binary logarithm of one more than the rank.
fn ndcg(said: &[f64], best: &[f64]) -> f64 {
    let gain = |gains: &[f64]| -> f64 {
        gains.iter().take(DEPTH).zip(2..).map(|(gain, next): (&f64, u32)| gain / f64::from(next).log2()).sum()
    };
    gain(said) / gain(best)
}

#[test]
fn the_gain_of_a_ranking_is_the_published_one() {
    // Best order 3, 2, 1: 3/1 + 2/1.58496 + 1/2 = 4.76186. Said 1, 3, 2: 1/1 + 3/1.58496 + 2/2 = 3.89279.
    assert!((ndcg(&[1.0, 3.0, 2.0], &[3.0, 2.0, 1.0]) - 3.892_789 / 4.761_860).abs() < 1e-6);
    assert!((ndcg(&[3.0, 2.0, 1.0], &[3.0, 2.0, 1.0]) - 1.0).abs() < 1e-12);
    assert!(ndcg(&[0.0, 0.0], &[3.0]).abs() < 1e-12);
}
