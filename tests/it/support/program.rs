//! The real program, as a shell starts it.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
};

use jiff::Timestamp;
use tokio::task::block_in_place;

use super::{NOW, Site};

/// Lines of its log that a test reads while it waits for one; more means that the line never comes.
const MAX_LOG_LINES: usize = 100_000;
/// Requests after which a page must have changed.
const MAX_REQUESTS: usize = 20_000;

/// What a run of the program left behind.
#[derive(Debug)]
pub struct Ran {
    pub status: i32,
    pub out: String,
    pub err: String,
}

/// The program with the configuration of a site, and no command yet.
pub fn program(site: &Site) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_duskwatch"));
    command.arg("--config").arg(site.config()).current_dir(site.dir.path()).env_remove("RUST_LOG").env("NO_COLOR", "1");
    command
}

/// The clock of a program begins at an instant and runs so many times as fast. What it waits for by a stopwatch, such as an
/// answer, it waits for as long as ever. Whoever kills it has to [`forget_clock`].
pub fn hasten(command: &mut Command, from: Timestamp, speed: u32) {
    let found = glob::glob("/usr/lib/*/faketime/libfaketimeMT.so.1").unwrap().next();
    let faketime = found.expect("the Debian package faketime is installed").unwrap();
    let preloaded = command.get_envs().find(|(name, _)| *name == "LD_PRELOAD").and_then(|(_, library)| library);
    let mut libraries = faketime.into_os_string();
    if let Some(library) = preloaded {
        libraries.push(":");
        libraries.push(library);
    }
    command.env("LD_PRELOAD", libraries).env("FAKETIME", format!("@{} x{speed}", from.strftime("%Y-%m-%d %H:%M:%S")));
    command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1").env("TZ", "UTC");
}

/// Removes the memory that the clock of a killed program would have shared with its children.
pub fn forget_clock(process: u32) {
    for name in ["faketime_shm_", "sem.faketime_sem_"] {
        fs::remove_file(format!("/dev/shm/{name}{process}")).ok();
    }
}

/// Runs a command seen from [`NOW`].
pub fn duskwatch(site: &Site, arguments: &[&str]) -> Ran {
    ran(program(site).args(["--now", NOW]).args(arguments))
}

/// Runs a command seen from an instant.
pub fn duskwatch_at(site: &Site, now: &str, arguments: &[&str]) -> Ran {
    ran(program(site).args(["--now", now]).args(arguments))
}

/// The same with so many KiB of memory that it may ask for: who asks for more is ended.
pub fn duskwatch_within(site: &Site, kib: u64, arguments: &[&str]) -> Ran {
    let mut command = program(site);
    command.args(["--now", NOW]).args(arguments);
    let mut limited = Command::new("sh");
    limited.arg("-c").arg(format!("ulimit -v {kib} && exec \"$0\" \"$@\"")).arg(command.get_program()).args(command.get_args());
    // Each further arena of glibc sets 64 MiB of addresses aside.
    limited.current_dir(site.dir.path()).env_remove("RUST_LOG").env("NO_COLOR", "1").env("MALLOC_ARENA_MAX", "1");
    ran(&mut limited)
}

/// Runs a command and kills it once its log has said something so many times; false when it had ended before.
pub fn killed_after(site: &Site, arguments: &[&str], words: &str, times: usize) -> bool {
    let mut command = program(site);
    command.args(arguments).env("RUST_LOG", "duskwatch=debug").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let log = BufReader::new(child.stderr.take().unwrap());
    let said = block_in_place(|| log.lines().map(Result::unwrap).filter(|line| line.contains(words)).take(times).count());
    child.kill().unwrap();
    block_in_place(|| child.wait()).unwrap().code().is_none() && said == times
}

/// Runs a command with a configuration of its own, seen from [`NOW`].
pub fn duskwatch_with(config: &Path, arguments: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_duskwatch"));
    ran(command.arg("--config").arg(config).args(["--now", NOW]).args(arguments).env_remove("RUST_LOG").env("NO_COLOR", "1"))
}

/// Runs a command by the real clock.
pub fn duskwatch_now(site: &Site, arguments: &[&str]) -> Ran {
    ran(program(site).args(arguments))
}

fn ran(command: &mut Command) -> Ran {
    let output = block_in_place(|| command.stdin(Stdio::null()).output()).unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { status: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

/// The service under way. Killed when a test ends before it does.
pub struct Service {
    child: Child,
    /// Lines of its log. They are read while nobody waits for them: a full pipe would hold it up.
    log: mpsc::Receiver<String>,
    /// What was read of its log.
    said: String,
}

impl Service {
    pub fn start(site: &Site) -> Self {
        Self::start_with(site, |_| {})
    }

    fn start_with(site: &Site, prepare: impl FnOnce(&mut Command)) -> Self {
        let mut command = program(site);
        command.arg("run").env("RUST_LOG", "duskwatch=debug").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        prepare(&mut command);
        let mut child = command.spawn().unwrap();
        let (lines, log) = mpsc::channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        thread::spawn(move || stderr.lines().map(Result::unwrap).try_for_each(|line| lines.send(line)));
        Self { child, log, said: String::new() }
    }

    /// Starts it and returns where its page is served.
    pub fn serving(site: &Site) -> (Self, String) {
        Self::serving_with(site, |_| {})
    }

    /// The same, after something was done to how it is started.
    pub fn serving_with(site: &Site, prepare: impl FnOnce(&mut Command)) -> (Self, String) {
        let mut service = Self::start_with(site, prepare);
        service.wait_for("the page is served", &["address=".to_owned()]);
        let address = service.said.lines().last().unwrap().split("address=").nth(1).unwrap().trim().to_owned();
        (service, format!("http://{address}"))
    }

    /// Tells it that its configuration is another one.
    pub fn hang_up(&self) {
        let told = Command::new("kill").args(["-HUP", &self.child.id().to_string()]).status().unwrap();
        assert!(told.success());
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it as a power cut does.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Reads its log until every one of these texts has been in a line with `word`.
    pub fn wait_for(&mut self, word: &str, texts: &[String]) {
        let mut missing: Vec<&String> = texts.iter().collect();
        for _ in 0..MAX_LOG_LINES {
            let line = block_in_place(|| self.log.recv()).unwrap_or_else(|_| panic!("it ended before {missing:?}"));
            missing.retain(|text| !(line.contains(word) && line.contains(text.as_str())));
            self.said += &line;
            self.said.push('\n');
            if missing.is_empty() {
                return;
            }
        }
        panic!("no line tells of {missing:?}");
    }

    /// Ends it as a service manager does, and returns all that it said.
    pub fn terminate(mut self) -> (ExitStatus, String) {
        let told = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(told.success());
        let rest: Vec<String> = block_in_place(|| self.log.iter().collect());
        (block_in_place(|| self.child.wait()).unwrap(), format!("{}{}", self.said, rest.join("\n")))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            self.child.kill().unwrap();
            self.child.wait().unwrap();
            forget_clock(self.child.id());
        }
    }
}

async fn get(url: &str) -> (u16, String) {
    let answer = reqwest::Client::builder().no_proxy().build().unwrap().get(url).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// Asks a service until its answer holds some words; returns its status, and all its words.
pub async fn answer_with(url: &str, words: &str) -> (u16, String) {
    let mut answer = (0, String::new());
    for _ in 0..MAX_REQUESTS {
        answer = get(url).await;
        if answer.1.contains(words) {
            return answer;
        }
    }
    panic!("{url} never says {words}: {answer:?}");
}
