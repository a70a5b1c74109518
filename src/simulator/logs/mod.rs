//! The log files of the organisation's own machines: two egress proxies, a gateway, a squid, and the output of jobs.
//!
//! A file grows: writing `[a, b)` and then `[b, c)` gives the same bytes as writing `[a, c)`. Files change with the month.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions, create_dir_all},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use jiff::Timestamp;

use crate::evidence::Day;

use super::{Door, World, uses::Use};
use exchange::Exchange;

mod exchange;
mod lines;
mod noise;
mod transcript;

/// Where the logs are, as `[[log]]` sections of the configuration want it.
#[derive(Debug)]
pub struct LogFiles {
    pub logs: Vec<Log>,
}

/// One `[[log]]` section, and what has been written for it.
#[derive(Debug, PartialEq, Eq)]
pub struct Log {
    pub name: &'static str,
    /// `json`, `combined`, `squid` or `transcript`.
    pub format: &'static str,
    /// A glob that matches every file of the log.
    pub paths: PathBuf,
    /// Whose the user field is, where the format has one.
    pub user: Option<&'static str>,
    /// Lines that this call has added.
    pub lines: u64,
}

impl LogFiles {
    pub fn lines(&self) -> u64 {
        self.logs.iter().map(|log| log.lines).sum()
    }
}

/// Name, format, file name before and after the month, whose the user field is.
struct Shape {
    door: Door,
    name: &'static str,
    format: &'static str,
    extension: &'static str,
    user: Option<&'static str>,
}

const SHAPES: &[Shape] = &[
    Shape { door: Door::Inspected, name: "egress-inspected", format: "json", extension: "jsonl", user: None },
    Shape { door: Door::Plain, name: "egress-plain", format: "json", extension: "jsonl", user: None },
    Shape { door: Door::Gateway, name: "gateway", format: "combined", extension: "log", user: Some("bitbucket") },
    Shape { door: Door::Squid, name: "squid", format: "squid", extension: "log", user: Some("proxy") },
];
const TRANSCRIPTS: &str = "transcripts";

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
            logs.push(Log { name: shape.name, format: shape.format, paths, user: shape.user, lines });
        }
        let paths = dir.join(TRANSCRIPTS).join("*.log");
        logs.push(Log { name: "ci-output", format: "transcript", paths, user: None, lines: jobs.lines });
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
                uses.iter().for_each(|one| exchange::of_use(self, integration, one, &mut |it| traffic.push((door, it))));
            }
            if let Some(job) = &integration.job {
                let text = transcript::of_day(self, integration, job, &uses, (from_ms, to_ms));
                jobs.append(job, &text)?;
            }
        }
        noise::of_day(self, day, &mut |door, it| traffic.push((door, it)));
        traffic.retain(|(_, it)| (from_ms..to_ms).contains(&it.at_ms));
        traffic.sort_by_key(|(_, it)| (it.at_ms, it.salt));
        for (door, it) in &traffic {
            let sink = Sink::of(sinks, dir, *door, day)?;
            sink.lines += lines::write(&mut sink.writer, *door, it)?;
        }
        Ok(())
    }
}

/// The open file of one log.
struct Sink {
    month: (i16, i8),
    writer: BufWriter<File>,
    lines: u64,
}

impl Sink {
    fn of<'a>(sinks: &'a mut BTreeMap<Door, Self>, dir: &Path, door: Door, day: Day) -> io::Result<&'a mut Self> {
        let date = day.date();
        let month = (date.year(), date.month());
        if sinks.get(&door).is_none_or(|sink| sink.month != month) {
            let shape = SHAPES.iter().find(|shape| shape.door == door).expect("every door has a shape");
            let name = format!("{}-{:04}-{:02}.{}", shape.name, month.0, month.1, shape.extension);
            let writer = BufWriter::new(OpenOptions::new().create(true).append(true).open(dir.join(name))?);
            let lines = sinks.remove(&door).map_or(Ok(0), Self::finish)?;
            sinks.insert(door, Self { month, writer, lines });
        }
        Ok(sinks.get_mut(&door).expect("it has just been put there"))
    }

    fn finish(mut self) -> io::Result<u64> {
        self.writer.flush()?;
        Ok(self.lines)
    }
}

/// The files of job output, one a job.
struct Jobs {
    dir: PathBuf,
    lines: u64,
}

impl Jobs {
    fn append(&mut self, job: &str, text: &str) -> io::Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        let mut file = OpenOptions::new().create(true).append(true).open(self.dir.join(format!("{job}.log")))?;
        file.write_all(text.as_bytes())?;
        self.lines += u64::try_from(text.lines().count()).unwrap_or(0);
        Ok(())
    }
}
