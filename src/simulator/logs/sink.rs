//! The files of the logs: their names, and how they are appended to.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    time::{Duration, UNIX_EPOCH},
};

use super::{super::Door, transcript::Output};
use crate::evidence::Day;

/// Name, format, file name before and after the month, whose the user field is.
pub(super) struct Shape {
    pub door: Door,
    pub name: &'static str,
    pub format: &'static str,
    pub extension: &'static str,
    /// Stands for the host that lines do not name.
    pub host: Option<&'static str>,
    pub user: Option<&'static str>,
    /// Fields of the evidence object, and the columns or keys that hold them.
    pub fields: &'static [(&'static str, &'static str)],
}

pub(super) const SHAPES: &[Shape] = &[
    Shape { door: Door::Inspected, name: "egress-inspected", format: "json", extension: "jsonl", ..PLAIN },
    PLAIN,
    Shape {
        door: Door::Gateway,
        name: "gateway",
        format: "combined",
        extension: "log",
        host: Some("bitbucket.org"),
        user: Some("bitbucket"),
        ..PLAIN
    },
    Shape { door: Door::Squid, name: "squid", format: "squid", extension: "log", user: Some("proxy"), ..PLAIN },
    Shape { door: Door::Filter, name: "filter", format: "csv", extension: "csv", fields: COLUMNS, ..PLAIN },
];

const PLAIN: Shape =
    Shape { door: Door::Plain, name: "egress-plain", format: "json", extension: "jsonl", host: None, user: None, fields: &[] };

/// The filter's columns, in their order.
pub(super) const COLUMNS: &[(&str, &str)] = &[
    ("time", "Date"),
    ("client_ip", "Client.IP"),
    ("username", "Login"),
    ("scheme", "Login.Scheme"),
    ("host", "Server"),
    ("method", "Method"),
    ("path", "URI"),
    ("status", "Code"),
    ("user_agent", "Agent"),
    ("message", "Reason"),
];

pub(super) const TRANSCRIPTS: &str = "transcripts";

/// The open file of one log.
pub(super) struct Sink {
    month: (i16, i8),
    pub writer: BufWriter<File>,
    pub lines: u64,
}

impl Sink {
    pub fn of<'a>(sinks: &'a mut BTreeMap<Door, Self>, dir: &Path, door: Door, day: Day) -> io::Result<&'a mut Self> {
        let date = day.date();
        let month = (date.year(), date.month());
        if sinks.get(&door).is_none_or(|sink| sink.month != month) {
            let shape = SHAPES.iter().find(|shape| shape.door == door).expect("every door has a shape");
            let name = format!("{}-{:04}-{:02}.{}", shape.name, month.0, month.1, shape.extension);
            let file = OpenOptions::new().create(true).append(true).open(dir.join(name))?;
            let is_new = file.metadata()?.len() == 0;
            let mut writer = BufWriter::new(file);
            if is_new && shape.format == "csv" {
                let names: Vec<_> = shape.fields.iter().map(|(_, column)| *column).collect();
                writeln!(writer, "{}", names.join(";"))?;
            }
            let lines = sinks.remove(&door).map_or(Ok(0), Self::finish)?;
            sinks.insert(door, Self { month, writer, lines });
        }
        Ok(sinks.get_mut(&door).expect("it has just been put there"))
    }

    pub fn finish(mut self) -> io::Result<u64> {
        self.writer.flush()?;
        Ok(self.lines)
    }
}

/// The files of job output: one a job, or one a run.
pub(super) struct Jobs {
    pub dir: PathBuf,
    pub lines: u64,
}

impl Jobs {
    pub fn append(&mut self, output: &Output) -> io::Result<()> {
        let mut file = OpenOptions::new().create(true).append(true).open(self.dir.join(&output.file))?;
        file.write_all(output.text.as_bytes())?;
        if let Some(ms) = output.written_ms {
            file.set_modified(UNIX_EPOCH + Duration::from_millis(ms.unsigned_abs()))?;
        }
        self.lines += u64::try_from(output.text.lines().count()).unwrap_or(0);
        Ok(())
    }
}
