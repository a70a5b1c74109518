//! One `duskwatch poll` from outside: how long, how much CPU, how much memory, how large a store.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use rusqlite::Connection;

/// How often the child's memory is read and its end is looked for: what the time of a run is uncertain by.
const TICK: Duration = Duration::from_millis(5);
/// Linux counts CPU time in hundredths of a second, whatever the kernel's own clock (`man 5 proc`, `USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;

/// What one poll was.
pub struct Poll {
    /// Items that were read, those that were skipped included.
    pub items: u64,
    pub kept: u64,
    seconds: f64,
    cpu_seconds: f64,
    /// CPU of this process, which serves the pages, in the same time.
    other_seconds: f64,
    pub peak_bytes: u64,
    store_bytes: u64,
}

impl Poll {
    /// Runs `program poll` on a fresh store.
    pub fn run(program: &Path, config: &Path, now: &str, source: &str, store: &Path) -> anyhow::Result<Self> {
        remove(store)?;
        let (own_before, children_before) = cpu_seconds()?;
        let begun = Instant::now();
        let mut child = Command::new(program)
            .arg("--config")
            .arg(config)
            .args(["--now", now, "poll", "--source", source])
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| program.display().to_string())?;
        let peak_bytes = watch(&mut child)?;
        let seconds = begun.elapsed().as_secs_f64();
        let (own, children) = cpu_seconds()?;
        let output = child.wait_with_output()?;
        let words = String::from_utf8(output.stdout)?;
        ensure!(output.status.success(), "duskwatch poll failed: {words}");
        let (kept, skipped) = counts(&words).with_context(|| format!("no counts in `{words}`"))?;
        Ok(Self {
            items: kept + skipped,
            kept,
            seconds,
            cpu_seconds: children - children_before,
            other_seconds: own - own_before,
            peak_bytes,
            store_bytes: size(store)?,
        })
    }

    pub fn per_second(&self) -> f64 {
        float(self.items) / self.seconds
    }

    pub fn cpu_micros_per_item(&self) -> f64 {
        self.cpu_seconds * 1e6 / float(self.items)
    }

    pub fn other_micros_per_item(&self) -> f64 {
        self.other_seconds * 1e6 / float(self.items)
    }

    pub fn store_bytes_per_kept(&self) -> f64 {
        float(self.store_bytes) / float(self.kept)
    }
}

/// Waits for the end; the largest resident size that was seen.
fn watch(child: &mut Child) -> anyhow::Result<u64> {
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait()?.is_none() {
        // The file is gone, or empty of sizes, in the moment in which the child ends.
        peak = fs::read_to_string(&status).ok().as_deref().and_then(high_water_bytes).map_or(peak, |now| now.max(peak));
        sleep(TICK);
    }
    Ok(peak)
}

fn high_water_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kib| kib * 1024)
}

/// User and system time of this process, and of its children that have ended.
fn cpu_seconds() -> anyhow::Result<(f64, f64)> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // Behind the name in parentheses, which may hold anything, `utime` is the twelfth field.
    let (_, fields) = stat.rsplit_once(')').context("/proc/self/stat")?;
    let ticks = fields.split_whitespace().skip(11).take(4).map(str::parse::<f64>).collect::<Result<Vec<_>, _>>()?;
    let [user, system, children_user, children_system] = ticks[..] else { anyhow::bail!("/proc/self/stat is short") };
    Ok(((user + system) / TICKS_PER_SECOND, (children_user + children_system) / TICKS_PER_SECOND))
}

/// `audit/acme: 1234 items, 56 skipped; of what is older: 789 items, 12 skipped`: what was kept and what was not, in all.
fn counts(words: &str) -> Option<(u64, u64)> {
    let words: Vec<&str> = words.split([' ', ',', ';', '\n']).filter(|word| !word.is_empty()).collect();
    let sum = |noun: &str| words.windows(2).filter(|pair| pair[1] == noun).filter_map(|pair| pair[0].parse::<u64>().ok()).sum();
    let kept = sum("items");
    (kept > 0).then(|| (kept, sum("skipped")))
}

/// The size of a store, with what still stands in its write-ahead log.
fn size(store: &Path) -> anyhow::Result<u64> {
    let connection = Connection::open(store)?;
    let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    Ok((number("page_count")? * number("page_size")?).unsigned_abs())
}

/// Removes a store with what SQLite keeps beside it.
fn remove(store: &Path) -> anyhow::Result<()> {
    for suffix in ["", "-wal", "-shm"] {
        let mut path = store.as_os_str().to_owned();
        path.push(suffix);
        if fs::exists(&path)? {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^53")]
fn float(count: u64) -> f64 {
    count as f64
}
