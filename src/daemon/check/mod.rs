//! Proves a configuration: its secrets, one cheap page of each source, and every destination. Nothing is recorded and
//! nothing delivered (but a test mail, when it is asked for), and a service that runs on the same store is not disturbed.

mod destinations;
mod places;
mod sources;

use std::fmt;

use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;

use super::Options;
use crate::{
    clock::Clock,
    evidence::{Day, time::days_between},
};

/// Parties that are asked side by side: a dead one costs its time-out once for all of them.
const AT_ONCE: usize = 8;

/// How much is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// What this machine can tell alone: nobody is asked, and no log is read.
    Offline,
    Everything {
        test_mail: bool,
    },
}

/// How a part is, from well to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    Ok,
    /// It works; somebody should know this.
    Warning,
    /// It did not answer, or not usably: another try may find it well.
    Unreachable,
    /// It stays so until somebody changes the configuration, a credential or a right.
    Wrong,
}

impl State {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Unreachable => "unreachable",
            Self::Wrong => "wrong",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One line of the result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub state: State,
    /// `secret`, `exchange`, `expiry`, `http`, `store`, `disk`, `source`, `clock`, `mail`, `webhook`, `csv` or `otel`.
    pub part: &'static str,
    pub name: String,
    pub found: String,
    /// What to do; empty where nothing is to be done.
    pub advice: String,
}

impl Finding {
    fn new(state: State, part: &'static str, name: impl Into<String>, found: impl Into<String>) -> Self {
        Self { state, part, name: name.into(), found: found.into(), advice: String::new() }
    }

    fn advising(self, advice: impl Into<String>) -> Self {
        Self { advice: advice.into(), ..self }
    }
}

/// Looks at everything that a valid configuration names.
pub async fn check(options: &Options, extent: Extent, clock: Clock) -> Vec<Finding> {
    let mut findings = places::secrets(options);
    findings.extend(places::instance(options));
    findings.extend(places::exchanges(options, clock.now()).await);
    findings.extend(places::expiries(options, clock.now()));
    findings.push(places::page(options));
    findings.extend(places::store(options, clock.now()).await);
    findings.extend(places::mail(options));
    if let Some(directory) = &options.csv.directory {
        findings.push(places::package_directory(directory));
    }
    if let Extent::Everything { test_mail } = extent {
        let asked = sources::questions(options, clock).into_iter().chain(destinations::questions(options, test_mail, clock));
        let answers: Vec<Vec<Finding>> = stream::iter(asked).buffered(AT_ONCE).collect().await;
        for finding in answers.into_iter().flatten() {
            // A host that several sources were asked of has one clock.
            if finding.part != "clock" || !findings.iter().any(|known| (known.part, &known.name) == ("clock", &finding.name)) {
                findings.push(finding);
            }
        }
    }
    findings
}

/// Something that is asked of one remote party.
type Question<'o> = futures_util::future::BoxFuture<'o, Vec<Finding>>;

/// Days from an instant to a date, negative when it is past.
fn days_until(date: jiff::civil::Date, now: Timestamp) -> i32 {
    days_between(now, Day::from_date(date).start())
}
