"""The built program as another process sees it: commands, long-running services, configurations."""

import contextlib
import os
import re
import signal
import subprocess
import time
import tomllib
from pathlib import Path

import tomli_w

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug" / "duskwatch"

# The day from which the simulated organisation is seen: brownouts are under way, the removal is 25 days off.
NOW = "2026-07-03T07:00:00Z"
DAY = NOW[:10]

COMMAND_SECONDS = 180
START_SECONDS = 120
STOP_SECONDS = 30


def command(*arguments, cwd, environment=None, now=NOW, expect=0, seconds=COMMAND_SECONDS):
    """Runs one command to its end and returns it; any other exit status than `expect` fails the check."""
    line = [str(BINARY), *(["--now", now] if now else []), *map(str, arguments)]
    done = subprocess.run(
        line, cwd=cwd, env={**os.environ, **(environment or {})}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=seconds,
    )
    allowed = expect if isinstance(expect, tuple) else (expect,)
    assert done.returncode in allowed, f"{' '.join(line)}: exit {done.returncode}, not {expect}\n{done.stdout}{done.stderr}"
    return done


class Service:
    """A command that runs until it is told to stop, as a context manager."""

    def __init__(self, *arguments, cwd, environment=None, now=NOW):
        self.line = [str(BINARY), *(["--now", now] if now else []), *map(str, arguments)]
        self.cwd = Path(cwd)
        self.environment = {**os.environ, **(environment or {})}

    def __enter__(self):
        self.output_path = self.cwd / f"{Path(self.line[0]).name}-{id(self):x}.log"
        with self.output_path.open("wb") as output:
            self.process = subprocess.Popen(
                self.line, cwd=self.cwd, env=self.environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def output(self):
        return self.output_path.read_text(errors="replace")

    def wait_for(self, pattern):
        """The first match of `pattern` in what the service has printed."""

        def printed():
            found = re.search(pattern, self.output())
            assert found or self.process.poll() is None, f"{' '.join(self.line)} ended: {self.process.returncode}\n{self.output()}"
            return found

        return eventually(printed, START_SECONDS, lambda: f"/{pattern}/ in the output of {' '.join(self.line)}:\n{self.output()}")

    def stop(self):
        """Asks it to end as a service manager does, and returns its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS)


@contextlib.contextmanager
def simulated(folder, environment=None):
    """A simulated organisation on loopback, as long as it is wanted: the path of a configuration that reads it."""
    arguments = ("--seed", 7, "--size", "small", "--listen", "127.0.0.1:0", "--dir", Path(folder) / "world")
    with Service("simulate", *arguments, cwd=folder, environment=environment) as world:
        yield Path(world.wait_for(r"--config (\S+\.toml)")[1])


def eventually(condition, seconds, what):
    """Waits for a true value of `condition()`, and returns it."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, f"waited {seconds} s in vain for {what() if callable(what) else what}"
        time.sleep(0.05)
    return value


def configuration(base, path, **sections):
    """Writes the configuration `base` with other `sections` to `path`, and returns `path`."""
    settings = tomllib.loads(Path(base).read_text())
    Path(path).write_text(tomli_w.dumps({**settings, **sections}))
    return path
