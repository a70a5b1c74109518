//! How a line is spelt.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{FORMAT, Header, Line, Malformed, Source, VERSION, listed, seal::Signature};
use crate::evidence::{
    Coverage, CoverageState, Credential, Day, DayCount, Grade, Operation, Origin, Outcome, Track, Verdict, WindowKind,
};

/// What every version says of itself in its first line.
#[derive(Deserialize)]
struct Opening<'a> {
    #[serde(borrow)]
    format: Cow<'a, str>,
    version: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum Wire<'a> {
    Header {
        format: Cow<'a, str>,
        version: u32,
        instance: Cow<'a, str>,
        written_ms: i64,
        from: Cow<'a, str>,
        until: Cow<'a, str>,
    },
    Source {
        name: Cow<'a, str>,
        items: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        last_success_ms: Option<i64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        last_failure_ms: Option<i64>,
    },
    Coverage {
        source: usize,
        from_ms: i64,
        to_ms: i64,
        state: Cow<'a, str>,
        items: u64,
        skipped: u64,
        #[serde(default, skip_serializing_if = "str::is_empty")]
        reason: Cow<'a, str>,
    },
    Verdict {
        credential: Cow<'a, str>,
        grade: Cow<'a, str>,
        outcome: Cow<'a, str>,
        operation: Cow<'a, str>,
        brownout: Cow<'a, str>,
        rule: Cow<'a, str>,
        authentication: bool,
    },
    Track {
        source: usize,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        username: Option<Cow<'a, str>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        email: Option<Cow<'a, str>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        account_id: Option<Cow<'a, str>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        display_name: Option<Cow<'a, str>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        client: Option<Cow<'a, str>>,
        origin_kind: Cow<'a, str>,
        origin: Cow<'a, str>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        host: Option<Cow<'a, str>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        workspace: Option<Cow<'a, str>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        repository: Option<Cow<'a, str>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token_id: Option<Cow<'a, str>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token_label: Option<Cow<'a, str>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        secret_id: Option<Cow<'a, str>>,
    },
    Count {
        verdict: usize,
        day: Cow<'a, str>,
        uses: u64,
        first_ms: i64,
        last_ms: i64,
        hours: u32,
    },
    End {
        signature: Cow<'a, str>,
    },
}

/// A line that was read, nothing of it looked at but its spelling.
pub(super) enum Read {
    Header(Header),
    Source(Source),
    Coverage(usize, Coverage),
    Verdict(Verdict, String),
    Track(usize, Box<Track>),
    /// Its verdict is not known yet.
    Count(DayCount, usize),
}

/// A line as it is written, its end included.
pub fn line(line: &Line<'_>) -> Vec<u8> {
    written(&match *line {
        Line::Header(header) => Wire::Header {
            format: FORMAT.into(),
            version: VERSION,
            instance: header.instance.as_str().into(),
            written_ms: header.written_ms,
            from: header.from.to_string().into(),
            until: header.until.to_string().into(),
        },
        Line::Source(source) => Wire::Source {
            name: source.name.as_str().into(),
            items: source.items,
            last_success_ms: source.last_success_ms,
            last_failure_ms: source.last_failure_ms,
        },
        Line::Coverage(source, interval) => Wire::Coverage {
            source,
            from_ms: interval.from_ms,
            to_ms: interval.to_ms,
            state: interval.state.as_str().into(),
            items: interval.items,
            skipped: interval.skipped,
            reason: interval.reason.as_str().into(),
        },
        Line::Verdict(verdict, rule) => Wire::Verdict {
            credential: verdict.credential.as_str().into(),
            grade: verdict.grade.as_str().into(),
            outcome: verdict.outcome.as_str().into(),
            operation: verdict.operation.as_str().into(),
            brownout: verdict.window.as_str().into(),
            rule: rule.into(),
            authentication: verdict.authentication,
        },
        Line::Track(source, track) => of_track(source, track),
        Line::Entry(entry) => return listed::write(entry),
        Line::Count(count, verdict) => Wire::Count {
            verdict,
            day: count.day.to_string().into(),
            uses: count.uses,
            first_ms: count.first_ms,
            last_ms: count.last_ms,
            hours: count.hours,
        },
    })
}

fn of_track(source: usize, track: &Track) -> Wire<'_> {
    fn text(text: Option<&String>) -> Option<Cow<'_, str>> {
        text.map(|text| text.as_str().into())
    }
    Wire::Track {
        source,
        username: text(track.username.as_ref()),
        email: text(track.email.as_ref()),
        account_id: text(track.account_id.as_ref()),
        display_name: text(track.display_name.as_ref()),
        client: text(track.client.as_ref()),
        origin_kind: track.origin.kind().into(),
        origin: track.origin.text().into(),
        host: text(track.host.as_ref()),
        workspace: text(track.workspace.as_ref()),
        repository: text(track.repository.as_ref()),
        token_id: text(track.token_id.as_ref()),
        token_label: text(track.token_label.as_ref()),
        secret_id: text(track.secret_id.as_ref()),
    }
}

/// The last line.
pub fn end(signature: &Signature) -> Vec<u8> {
    written(&Wire::End { signature: signature.to_string().into() })
}

pub(super) fn written(wire: &impl Serialize) -> Vec<u8> {
    let mut line = serde_json::to_vec(wire).expect("texts and numbers are written as JSON");
    line.push(b'\n');
    line
}

/// The signature of a line that is the last one; none of another line.
pub(super) fn signature(line: &[u8]) -> Option<Signature> {
    match serde_json::from_slice(line) {
        Ok(Wire::End { signature }) => signature.parse().ok(),
        _ => None,
    }
}

/// Reads a line.
pub(super) fn read(line: &[u8], first: bool) -> Result<Read, Malformed> {
    if first {
        opening(line)?;
    }
    let wire = serde_json::from_slice(line).map_err(|error| Malformed::unreadable(&error))?;
    Ok(match wire {
        Wire::Header { instance, written_ms, from, until, format: _, version: _ } => {
            Read::Header(Header { instance: instance.into_owned(), written_ms, from: day(&from)?, until: day(&until)? })
        }
        Wire::Source { name, items, last_success_ms, last_failure_ms } => {
            Read::Source(Source { name: name.into_owned(), items, last_success_ms, last_failure_ms })
        }
        Wire::Coverage { source, from_ms, to_ms, state, items, skipped, reason } => {
            let state = word(&state, CoverageState::parse)?;
            Read::Coverage(source, Coverage { from_ms, to_ms, state, items, skipped, reason: reason.into_owned() })
        }
        Wire::Verdict { credential, grade, outcome, operation, brownout, rule, authentication } => {
            let verdict = Verdict {
                credential: word(&credential, Credential::parse)?,
                grade: word(&grade, Grade::parse)?,
                outcome: word(&outcome, Outcome::parse)?,
                operation: word(&operation, Operation::parse)?,
                window: word(&brownout, WindowKind::parse)?,
                rule: 0,
                authentication,
            };
            Read::Verdict(verdict, rule.into_owned())
        }
        track @ Wire::Track { .. } => track_of(track)?,
        Wire::Count { verdict, day: of, uses, first_ms, last_ms, hours } => {
            Read::Count(DayCount { track: 0, day: day(&of)?, verdict: NOT_KNOWN, uses, first_ms, last_ms, hours }, verdict)
        }
        Wire::End { .. } => return Err(Malformed("the seal stands before the end".to_owned())),
    })
}

const NOT_KNOWN: Verdict = Verdict {
    credential: Credential::Unknown,
    grade: Grade::None,
    outcome: Outcome::Unknown,
    operation: Operation::Other,
    window: WindowKind::Outside,
    rule: 0,
    authentication: false,
};

fn opening(line: &[u8]) -> Result<(), Malformed> {
    let opening: Option<Opening<'_>> = serde_json::from_slice(line).ok();
    let opening = opening.filter(|opening| opening.format == FORMAT);
    match opening {
        None => Err(Malformed("this is no file that `duskwatch export --format exchange` wrote".to_owned())),
        Some(opening) if opening.version != VERSION => Err(Malformed(format!(
            "the file has version {} of the format and this program reads version {VERSION}: update the older of the two",
            opening.version
        ))),
        Some(_) => Ok(()),
    }
}

fn track_of(wire: Wire<'_>) -> Result<Read, Malformed> {
    let Wire::Track {
        source,
        username,
        email,
        account_id,
        display_name,
        client,
        origin_kind,
        origin,
        host,
        workspace,
        repository,
        token_id,
        token_label,
        secret_id,
    } = wire
    else {
        return Err(Malformed("no track".to_owned()));
    };
    let own = |text: Option<Cow<'_, str>>| text.map(Cow::into_owned);
    let track = Track {
        username: own(username),
        email: own(email),
        account_id: own(account_id),
        display_name: own(display_name),
        client: own(client),
        origin: Origin::parse(&origin_kind, &origin),
        host: own(host),
        workspace: own(workspace),
        repository: own(repository),
        token_id: own(token_id),
        token_label: own(token_label),
        secret_id: own(secret_id),
    };
    Ok(Read::Track(source, Box::new(track)))
}

fn day(text: &str) -> Result<Day, Malformed> {
    Day::parse(text).ok_or_else(|| Malformed("a day is no date".to_owned()))
}

pub(super) fn word<T>(text: &str, parse: fn(&str) -> Option<T>) -> Result<T, Malformed> {
    parse(text).ok_or_else(|| Malformed("a word is none of the format's".to_owned()))
}
