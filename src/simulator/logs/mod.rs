//! The log files of the organisation's own machines: two egress proxies, a gateway, a squid, a filter in the cloud, and the output of jobs.
//!
//! Logs are as such logs are: some begin late, some have holes, the clocks of some hosts are wrong.
//! A file grows: writing `[a, b)` and then `[b, c)` gives the same bytes as writing `[a, c)`. Files change with the month.

use std::{
    collections::BTreeMap,
    fs::create_dir_all,
    io,
    path::{Path, PathBuf},
};

use jiff::Timestamp;

use crate::evidence::Day;

use super::{Door, World, uses::Use};
use exchange::Exchange;
pub use load::write_load;
pub(super) use sign::{line_times, of_use as sign_of};
use sink::{Jobs, SHAPES, Shape, Sink, TRANSCRIPTS};
pub(super) use weather::Weather;

mod exchange;
mod lines;
mod load;
mod noise;
mod sign;
mod sink;
mod transcript;
mod weather;

/// Where the logs are, as `[[log]]` sections of the configuration want it.
#[derive(Debug)]
pub struct LogFiles {
    pub logs: Vec<Log>,
}

/// One `[[log]]` section, and what has been written for it.
#[derive(Debug, PartialEq, Eq)]
pub struct Log {
    pub name: &'static str,
    /// `json`, `combined`, `squid`, `csv` or `transcript`.
    pub format: &'static str,
    /// A glob that matches every file of the log.
    pub paths: PathBuf,
    /// Stands for the host that lines do not name.
    pub host: Option<&'static str>,
    /// Whose the user field is, where the format has one.
    pub user: Option<&'static str>,
    /// Fields of the evidence object, and the columns or keys that hold them.
    pub fields: &'static [(&'static str, &'static str)],
    /// Lines that this call has added.
    pub lines: u64,
}

impl LogFiles {
    pub fn lines(&self) -> u64 {
        self.logs.iter().map(|log| log.lines).sum()
    }
}

impl Log {
    /// What an operator would write for it.
    pub fn section(&self) -> String {
        let mut lines = vec!["[[log]]".to_owned(), format!("name = {:?}", self.name), format!("format = {:?}", self.format)];
        lines.push(format!("paths = [{:?}]", self.paths.display().to_string()));
        lines.extend(self.host.map(|host| format!("host = {host:?}")));
        lines.extend(self.user.map(|user| format!("user = {user:?}")));
        let fields: Vec<_> = self.fields.iter().map(|(field, column)| format!("{field} = {column:?}")).collect();
        lines.extend((!fields.is_empty()).then(|| format!("fields = {{ {} }}", fields.join(", "))));
        lines.join("\n") + "\n"
    }
}

impl World {
    /// Appends to the files below `dir` what happened from an instant up to and without another.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write_logs(&self, dir: &Path, from: Timestamp, to: Timestamp) -> io::Result<LogFiles> {
        let (from_ms, to_ms) = (from.as_millisecond(), to.as_millisecond());
        create_dir_all(dir.join(TRANSCRIPTS))?;
        let mut sinks = BTreeMap::new();
        let mut jobs = Jobs { dir: dir.join(TRANSCRIPTS), lines: 0 };
        let begin = Day::of_ms(from_ms).0.max(self.first.0);
        let end = (Day::of_ms(to_ms).0 + 1).min(self.last.0);
        for day in (begin..end).map(Day) {
            let window = (from_ms.max(day.start_ms()), to_ms.min(day.end_ms()));
            self.write_day(dir, day, window, &mut sinks, &mut jobs)?;
        }
        let mut logs = Vec::new();
        for shape in SHAPES {
            let lines = sinks.remove(&shape.door).map_or(Ok(0), Sink::finish)?;
            let paths = dir.join(format!("{}-*.{}", shape.name, shape.extension));
            let Shape { name, format, host, user, fields, .. } = *shape;
            logs.push(Log { name, format, paths, host, user, fields, lines });
        }
        // A small organisation may collect no output.
        if jobs.dir.read_dir()?.next().is_some() {
            let paths = jobs.dir.join("*.log");
            let output =
                Log { name: "ci-output", format: "transcript", paths, host: None, user: None, fields: &[], lines: jobs.lines };
            logs.push(output);
        }
        Ok(LogFiles { logs })
    }

    fn write_day(
        &self,
        dir: &Path,
        day: Day,
        (from_ms, to_ms): (i64, i64),
        sinks: &mut BTreeMap<Door, Sink>,
        jobs: &mut Jobs,
    ) -> io::Result<()> {
        let mut traffic: Vec<(Door, Exchange<'_>)> = Vec::new();
        let mut uses: Vec<Use> = Vec::new();
        for integration in self.integrations.iter().filter(|it| it.door.is_some() || it.job.is_some()) {
            uses.clear();
            self.uses_on(integration, day, &mut uses);
            if let Some(door) = integration.door {
                for one in &uses {
                    exchange::of_use(self, integration, one, &mut |it| traffic.push((door, it)));
                }
            }
            if let Some(job) = &integration.job {
                for output in transcript::of_day(self, integration, job, &uses, (from_ms, to_ms)) {
                    jobs.append(&output)?;
                }
            }
        }
        noise::of_day(self, day, &mut |door, it| traffic.push((door, it)));
        traffic.retain(|(door, it)| (from_ms..to_ms).contains(&it.at_ms) && self.weather.keeps(*door, it.at_ms));
        traffic.sort_by_key(|(_, it)| (it.at_ms, it.salt));
        for (door, it) in &mut traffic {
            it.at_ms = self.weather.clock(*door, it.at_ms);
            let sink = Sink::of(sinks, dir, *door, day)?;
            sink.lines += lines::write(&mut sink.writer, *door, it)?;
        }
        Ok(())
    }
}
