//! One run of the program from outside: how long, how much CPU, how much memory; and the service while it runs.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use rusqlite::Connection;

/// How often a child's memory is read and its end is looked for: what the time of a run is uncertain by.
const TICK: Duration = Duration::from_millis(2);
/// Linux counts CPU time in hundredths of a second, whatever the kernel's own clock (`man 5 proc`, `USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;
/// A service that answers nothing for so long has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// What one run was.
pub struct Run {
    pub seconds: f64,
    /// User and system time, all threads.
    pub cpu_seconds: f64,
    /// CPU of this process in the same time, which serves the pages.
    pub other_seconds: f64,
    pub peak_bytes: u64,
    pub words: String,
}

impl Run {
    /// Runs a command to its end.
    ///
    /// # Errors
    /// When it cannot be started, or does not end well.
    pub fn of(command: &mut Command) -> anyhow::Result<Self> {
        let (own_before, children_before) = cpu_seconds()?;
        let begun = Instant::now();
        let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| command.get_program().display().to_string())?;
        let mut out = child.stdout.take().context("a pipe")?;
        // Read beside, so that a program that says much does not wait for us.
        let said = std::thread::spawn(move || {
            let mut words = String::new();
            out.read_to_string(&mut words).map(|_| words)
        });
        let peak_bytes = watch(&mut child)?;
        let seconds = begun.elapsed().as_secs_f64();
        let (own, children) = cpu_seconds()?;
        let words = said.join().map_err(|_| anyhow::anyhow!("the reader of its output ended badly"))??;
        let status = child.wait()?;
        ensure!(status.success(), "{} ended with {status}: {words}", command.get_program().display());
        Ok(Self { seconds, cpu_seconds: children - children_before, other_seconds: own - own_before, peak_bytes, words })
    }

    /// What was kept and what was not, in all, of the words of `poll` (`audit/acme: 1234 items, 56 skipped; of what is older:
    /// 789 items, 12 skipped`) or of `import` (`replay.jsonl: 1234 read, 1200 recorded, 0 known before`).
    pub fn counts(&self) -> anyhow::Result<(u64, u64)> {
        let words: Vec<&str> = self.words.split([' ', ',', ';', '\n']).filter(|word| !word.is_empty()).collect();
        let sum = |noun: &str| -> u64 {
            words.windows(2).filter(|pair| pair[1] == noun).filter_map(|pair| pair[0].parse::<u64>().ok()).sum()
        };
        match (sum("items"), sum("recorded")) {
            (0, 0) => bail!("no counts in `{}`", self.words),
            (0, recorded) => Ok((recorded, sum("read") - recorded)),
            (items, _) => Ok((items, sum("skipped"))),
        }
    }
}

/// Waits for the end; the largest resident size that was seen.
fn watch(child: &mut Child) -> anyhow::Result<u64> {
    let mut peak = 0;
    while child.try_wait()?.is_none() {
        // The file is gone, or empty of sizes, in the moment in which the child ends.
        peak = status_line(child.id(), "VmHWM:").map_or(peak, |kib| (kib * 1024).max(peak));
        sleep(TICK);
    }
    Ok(peak)
}

/// The number in one line of a process's status.
fn status_line(pid: u32, name: &str) -> Option<u64> {
    number_of(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?, name)
}

fn number_of(status: &str, name: &str) -> Option<u64> {
    status.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}

/// User and system time of a process (`self` or its number), and of its children that have ended.
fn cpu_of(process: &str) -> anyhow::Result<(f64, f64)> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // Behind the name in parentheses, which may hold anything, `utime` is the twelfth field.
    let (_, fields) = stat.rsplit_once(')').context("a line of /proc")?;
    let ticks = fields.split_whitespace().skip(11).take(4).map(str::parse::<f64>).collect::<Result<Vec<_>, _>>()?;
    let [user, system, children_user, children_system] = ticks[..] else { bail!("a line of /proc is short") };
    Ok(((user + system) / TICKS_PER_SECOND, (children_user + children_system) / TICKS_PER_SECOND))
}

fn cpu_seconds() -> anyhow::Result<(f64, f64)> {
    cpu_of("self")
}

/// `duskwatch run`, ended when this is dropped.
pub struct Service {
    child: Child,
    address: String,
    /// From the start of the process to the first answer of `/readyz` that says so.
    pub ready_seconds: f64,
}

impl Service {
    /// Starts it and waits until it is ready; `address` is the one that its configuration lets it listen on.
    pub fn start(command: &mut Command, address: &str) -> anyhow::Result<Self> {
        let begun = Instant::now();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let mut service = Self { child, address: address.to_owned(), ready_seconds: 0.0 };
        while !matches!(service.get("/readyz"), Ok((200, _))) {
            ensure!(service.child.try_wait()?.is_none(), "duskwatch run ended before it was ready");
            ensure!(begun.elapsed() < PATIENCE, "duskwatch run is not ready: {:?}", service.get("/readyz"));
            sleep(TICK);
        }
        service.ready_seconds = begun.elapsed().as_secs_f64();
        Ok(service)
    }

    /// Waits until it shows a newer judgement than it did.
    pub fn wait_for_another(&self, shown: &str) -> anyhow::Result<String> {
        let begun = Instant::now();
        loop {
            let now = self.judged_at()?;
            if now != shown {
                return Ok(now);
            }
            ensure!(begun.elapsed() < PATIENCE, "duskwatch run judges no more");
            sleep(25 * TICK);
        }
    }

    /// The instant of the judgement that it shows.
    pub fn judged_at(&self) -> anyhow::Result<String> {
        let answer = self.answer("/calendar.ics")?;
        let head = String::from_utf8_lossy(&answer).to_lowercase();
        let line = head.lines().find_map(|line| line.strip_prefix("last-modified: "));
        Ok(line.context("no last-modified")?.to_owned())
    }

    /// Status and length of an answer.
    pub fn get(&self, path: &str) -> anyhow::Result<(u16, usize)> {
        let answer = self.answer(path)?;
        let status = answer.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
        Ok((status.context("no status")?, answer.len()))
    }

    fn answer(&self, path: &str) -> anyhow::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(answer)
    }

    /// The seconds that an answer takes.
    pub fn timed(&self, path: &str) -> anyhow::Result<f64> {
        let begun = Instant::now();
        let (status, _) = self.get(path)?;
        ensure!(status == 200, "{path} is answered with {status}");
        Ok(begun.elapsed().as_secs_f64())
    }

    pub fn peak_bytes(&self) -> u64 {
        status_line(self.child.id(), "VmHWM:").unwrap_or(0) * 1024
    }

    pub fn cpu_seconds(&self) -> anyhow::Result<f64> {
        Ok(cpu_of(&self.child.id().to_string())?.0)
    }

    /// How often each of its threads was woken up, by the thread's directory.
    pub fn wake_ups(&self) -> anyhow::Result<BTreeMap<PathBuf, u64>> {
        let mut threads = BTreeMap::new();
        for thread in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let thread = thread?.path();
            // One that ends meanwhile has no status any more.
            if let Ok(status) = fs::read_to_string(thread.join("status")) {
                threads.insert(thread, number_of(&status, "voluntary_ctxt_switches:").unwrap_or(0));
            }
        }
        Ok(threads)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended by itself; either way nothing is left of it.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The size of a store, with what still stands in its write-ahead log.
pub fn store_bytes(store: &Path) -> anyhow::Result<u64> {
    let connection = Connection::open(store)?;
    let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    Ok((number("page_count")? * number("page_size")?).unsigned_abs())
}

/// Removes a store with what SQLite keeps beside it.
pub fn remove_store(store: &Path) -> anyhow::Result<()> {
    for suffix in ["", "-wal", "-shm"] {
        let mut path = store.as_os_str().to_owned();
        path.push(suffix);
        if fs::exists(&path)? {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}
