//! Everything that is done to a log, in drawn orders.

use super::*;

/// A machine's log under everything that is done to logs: the writer keeps a half line and an open file, logrotate renames,
/// copies, empties, compresses and deletes.
struct Machine {
    logs: Logs,
    random: fastrand::Rng,
    /// The names of the rotated files, the newest first.
    rotated: Vec<String>,
    /// What is still missing of a line of which the beginning is written, and where it will go.
    half: Option<(String, String)>,
    written: Vec<String>,
    found: Vec<String>,
}

impl Machine {
    fn new(layout: Layout, seed: u64) -> Self {
        let (logs, random) = (Logs::new(layout, "app.log"), fastrand::Rng::with_seed(seed));
        Self { logs, random, rotated: Vec::new(), half: None, written: Vec::new(), found: Vec::new() }
    }

    fn write(&mut self) {
        self.end_half();
        let table = self.logs.layout == Layout::Table;
        let empty = fs::metadata(self.logs.path("app.log")).map_or(true, |file| file.len() == 0);
        if table && empty {
            self.logs.append("app.log", "n,message\n");
        }
        for _ in 0..self.random.usize(1..4) {
            let n = self.written.len();
            let lines = if table && self.random.bool() { format!("{n},\"begin {n}\nend {n}\"\n") } else { format!("{n},{n}\n") };
            self.written.extend(lines.lines().map(str::to_owned));
            if self.random.usize(..4) == 0 {
                let (now, later) = lines.split_at(self.random.usize(1..lines.len()));
                self.logs.append("app.log", now);
                self.half = Some(("app.log".to_owned(), later.to_owned()));
                return;
            }
            self.logs.append("app.log", &lines);
        }
    }

    /// The writer ends its line where it began it, whatever that file is called by now.
    fn end_half(&mut self) {
        if let Some((name, rest)) = self.half.take() {
            self.logs.append(&name, &rest);
        }
    }

    /// Makes room for a new first rotated file.
    fn shift(&mut self) {
        for number in (0..self.rotated.len()).rev() {
            let old = self.rotated[number].clone();
            let ending = [".gz", ".zst"].into_iter().find(|ending| old.ends_with(ending)).unwrap_or_default();
            self.rotated[number] = format!("app.log.{}{ending}", number + 2);
            self.logs.rename(&old, &self.rotated[number]);
            if let Some((name, _)) = self.half.as_mut().filter(|(name, _)| *name == old) {
                name.clone_from(&self.rotated[number]);
            }
        }
        self.rotated.insert(0, "app.log.1".to_owned());
    }

    fn rotate_by_renaming(&mut self) {
        if self.logs.path("app.log").exists() {
            self.shift();
            self.logs.rename("app.log", "app.log.1");
            if let Some((name, _)) = self.half.as_mut().filter(|(name, _)| name == "app.log") {
                "app.log.1".clone_into(name);
            }
        }
    }

    fn rotate_by_copying(&mut self) {
        self.end_half();
        if self.logs.path("app.log").exists() {
            self.shift();
            fs::copy(self.logs.path("app.log"), self.logs.path("app.log.1")).expect("copied");
            if self.random.bool() {
                self.read();
            }
            self.logs.touch(&File::create(self.logs.path("app.log")).expect("emptied"));
        }
    }

    fn compress(&mut self) {
        self.end_half();
        let Some(number) = (0..self.rotated.len()).rev().find(|number| !self.rotated[*number].ends_with(['z', 't'])) else {
            return;
        };
        let name = self.rotated[number].clone();
        self.rotated[number] = format!("{name}{}", [".gz", ".zst"][self.random.usize(..2)]);
        self.logs.compress(&name, &self.rotated[number]);
    }

    /// What was read to its end is deleted after a while.
    fn delete(&mut self) {
        self.end_half();
        self.read();
        if let Some(name) = self.rotated.pop() {
            fs::remove_file(self.logs.path(&name)).expect("deleted");
        }
    }

    fn read(&mut self) {
        let lines = self.logs.read();
        self.found.extend(lines);
    }
}

#[test]
fn whatever_is_done_to_a_growing_log_every_line_is_read_once() {
    for (layout, seed) in (0..150).flat_map(|seed| [(Layout::Lines, seed), (Layout::Table, seed)]) {
        let mut machine = Machine::new(layout, seed);
        let mut done = Vec::new();
        for _ in 0..40 {
            let step = machine.random.usize(..12);
            match step {
                0..5 => machine.write(),
                5 => machine.rotate_by_renaming(),
                6 => machine.rotate_by_copying(),
                7 => machine.compress(),
                8 => machine.delete(),
                _ => machine.read(),
            }
            done.push(step);
        }
        machine.end_half();
        machine.read();
        let (mut written, mut found) = (machine.written, machine.found);
        written.sort_unstable();
        found.sort_unstable();
        let lost: Vec<_> = written.iter().filter(|line| !found.contains(line)).collect();
        assert!(found == written, "{layout:?} {seed} {done:?}: {} of {} read, lost {lost:?}", found.len(), written.len());
    }
}
