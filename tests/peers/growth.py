"""What a slice costs as its lines grow: in the engine that is asked, on the way, and in duskwatch, which also reads the same lines as a file.

    cargo build --release
    .venv/bin/python tests/peers/growth.py [--engine clickhouse|postgresql|chdb] [--size large|huge] [--lines 10000 100000 …] [--elsewhere 0.99]

Each row is one table with the lines of one hour, as `duskwatch simulate --lines` writes them. The engine's seconds and memory are its own
words where it has any (ClickHouse's query_log); its CPU is that of its processes from before the question until after it. Bytes are those of
the connection. duskwatch is a process of its own: `poll` of this one slice, in which it judges everything as well.
"""

import argparse
import os
import shutil
import sqlite3
import subprocess
import tempfile
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from socket import SHUT_WR, create_connection, create_server

import engines
import service

BINARY = service.ROOT / "target" / "release" / "duskwatch"
DAY, HOUR_END = "2026-07-03T00:00:00Z", "2026-07-03T01:00:00Z"
COLUMNS = "event_id client_ip host method path status user_agent scheme username secret_prefix secret_id message".split()
TYPES = {"status": "UInt16"}
PIECE = 64 << 20
IMPORTED = 1_000_000
TICKS = os.sysconf("SC_CLK_TCK")
READING = "input_format_skip_unknown_fields=1&date_time_input_format=best_effort"


class Meter:
    """Stands between duskwatch and an engine, and counts what comes back."""

    def __init__(self, port):
        self.target, self.bytes = port, 0
        self.server = create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            caller, _ = self.server.accept()
            engine = create_connection(("127.0.0.1", self.target))
            threading.Thread(target=self.pump, args=(caller, engine, False), daemon=True).start()
            threading.Thread(target=self.pump, args=(engine, caller, True), daemon=True).start()

    def pump(self, source, sink, counted):
        try:
            while piece := source.recv(1 << 16):
                self.bytes += len(piece) if counted else 0
                sink.sendall(piece)
            sink.shutdown(SHUT_WR)
        except OSError:
            pass


def run(*arguments, now, cwd):
    """A command of duskwatch: its seconds, its CPU seconds and its greatest memory in MiB."""
    begun = time.monotonic()
    with (Path(cwd) / "output").open("wb") as output:
        line = [BINARY, "--now", now, *map(str, arguments)]
        process = subprocess.Popen(line, cwd=cwd, env=engines.ENVIRONMENT, stdout=output, stderr=subprocess.STDOUT)
        ended, most = 0, 0
        while not ended:
            most = max(most, greatest_memory(process.pid))
            time.sleep(0.002)
            ended, status, usage = os.wait4(process.pid, os.WNOHANG)
    assert status == 0, (Path(cwd) / "output").read_text(errors="replace")[-2_000:]
    return time.monotonic() - begun, usage.ru_utime + usage.ru_stime, most / 1024


def greatest_memory(process):
    """VmHWM in KiB; what `wait4` says is at least what this process had when it started the other."""
    text = Path(f"/proc/{process}/status").read_text()
    return int(text.partition("VmHWM:")[2].split()[0]) if "VmHWM:" in text else 0


def cpu_seconds(processes):
    """Of these processes, and of their children that have ended."""
    return sum(sum(map(int, Path(f"/proc/{it}/stat").read_text().rpartition(")")[2].split()[11:15])) for it in processes) / TICKS


def simulated(lines, size):
    line = [BINARY, "--now", HOUR_END, "simulate", "--lines", str(lines), "--size", size]
    return subprocess.Popen(line, stdout=subprocess.PIPE)


def pieces(lines, size):
    """The lines, some tens of megabytes at a time."""
    process, rest = simulated(lines, size), b""
    while read := process.stdout.read(PIECE):
        whole, end, after = read.rpartition(b"\n")
        yield rest + whole + end
        rest = after
    assert process.wait() == 0 and not rest


class ClickHouse:
    """Two shards of the packaged server."""

    def __init__(self, folder):
        self.engine = engines.ClickHouse(folder)

    def __enter__(self):
        self.engine.__enter__()
        self.meter = Meter(int(self.engine.urls[0].rpartition(":")[2]))
        return self

    def __exit__(self, *_):
        self.engine.__exit__()

    def version(self):
        return f"ClickHouse {self.engine.run(self.engine.urls[0], 'SELECT version()').strip()}"

    def processes(self):
        return [process.pid for process in self.engine.processes]

    def load(self, lines, size, elsewhere):
        run = self.engine.run
        columns = ", ".join(["time DateTime", *(f"{name} {TYPES.get(name, 'String')}" for name in COLUMNS)])
        for url in self.engine.urls:
            run(url, "DROP TABLE IF EXISTS growth_local")
            run(url, f"CREATE TABLE growth_local ({columns}) ENGINE = MergeTree() PARTITION BY toYYYYMM(time) ORDER BY time")
        run(self.engine.urls[0], "DROP TABLE IF EXISTS growth")
        run(self.engine.urls[0], "CREATE TABLE growth AS growth_local ENGINE = Distributed(both, default, growth_local, rand())")
        with ThreadPoolExecutor(2) as pool:
            waiting = []
            for number, piece in enumerate(pieces(int(lines * (1 - elsewhere)), size)):
                waiting.append(pool.submit(self.insert, self.engine.urls[number % 2], piece))
                waiting[-4:-3] and waiting[-4].result()
            for insert in waiting:
                insert.result()
        self.go_elsewhere(lines, elsewhere)
        self.settle()

    def insert(self, url, piece):
        address = f"{url}/?{READING}&query=INSERT%20INTO%20growth_local%20FORMAT%20JSONEachRow"
        urllib.request.urlopen(urllib.request.Request(address, data=piece), timeout=600).read()

    def go_elsewhere(self, lines, elsewhere):
        """So many lines are of other hosts: the others again, under other names."""
        kept = int(lines * (1 - elsewhere))
        names = ", ".join("concat(toString(number % 5000), '.example.test') AS host" if name == "host" else name for name in COLUMNS)
        for _ in range(round(1 / (1 - elsewhere)) - 1 if kept else 0):
            for url in self.engine.urls:
                source = f"(SELECT *, rowNumberInAllBlocks() AS number FROM growth_local WHERE host LIKE '%bitbucket.org%' LIMIT {kept})"
                self.engine.run(url, f"INSERT INTO growth_local (time, {', '.join(COLUMNS)}) SELECT time, {names} FROM {source}")

    def settle(self):
        """Merging what was loaded is no part of an answer."""
        for url in self.engine.urls:
            self.engine.run(url, "OPTIMIZE TABLE growth_local FINAL")

    def section(self):
        section = self.engine.section("growth", url=f"http://127.0.0.1:{self.meter.port}", time_unit="instant")
        return {**section, "columns": {name: name for name in ["time", *COLUMNS]}, "slice": "1h", "late": "0s", "backfill": "1d"}

    def of_question(self):
        """Seconds, lines that were read, and MiB of the last question."""
        run = self.engine.run
        found = (
            "SELECT query_duration_ms, read_rows, memory_usage FROM system.query_log WHERE type = 2 AND is_initial_query = 1 AND "
            f"position(query, 'query/growth {DAY}') > 0 AND position(query, 'system.query_log') = 0 ORDER BY event_time DESC LIMIT 1"
        )
        text = service.eventually(lambda: run(self.engine.urls[0], found), 30, "the question in query_log")
        run(self.engine.urls[0], "TRUNCATE TABLE system.query_log")
        milliseconds, rows, memory = map(int, text.split())
        return milliseconds / 1000, rows, memory / 2**20


class Chdb(ClickHouse):
    """ClickHouse of today, in one process without shards."""

    def __init__(self, folder):
        self.engine = engines.Chdb(folder)

    def processes(self):
        return [self.engine.process.pid]

    def load(self, lines, size, elsewhere):
        run = self.engine.run
        columns = ", ".join(["time DateTime('UTC')", *(f"{name} {TYPES.get(name, 'String')}" for name in COLUMNS)])
        run(self.engine.urls[0], "DROP TABLE IF EXISTS growth")
        run(self.engine.urls[0], f"CREATE TABLE growth ({columns}) ENGINE = MergeTree() PARTITION BY toYYYYMM(time) ORDER BY time")
        file = self.engine.folder / "piece.jsonl"
        settings = "SETTINGS input_format_skip_unknown_fields = 1, date_time_input_format = 'best_effort'"
        for piece in pieces(lines, size):
            file.write_bytes(piece)
            run(self.engine.urls[0], f"INSERT INTO growth FROM INFILE '{file}' {settings} FORMAT JSONEachRow")
        run(self.engine.urls[0], "OPTIMIZE TABLE growth FINAL")

    def of_question(self):
        return None, None, None


class PostgreSQL:
    """One server, which takes its lines from a ClickHouse that has them: a table of text is what both read."""

    def __init__(self, folder):
        self.source, self.engine = ClickHouse(folder / "source"), engines.PostgreSQL(folder / "engine")
        (folder / "source").mkdir()
        (folder / "engine").mkdir()

    def __enter__(self):
        self.source.__enter__()
        self.engine.__enter__()
        self.meter = Meter(self.engine.port)
        return self

    def __exit__(self, *_):
        self.engine.__exit__()
        self.source.__exit__()

    def version(self):
        return f"PostgreSQL {self.engine.run('SHOW server_version')}"

    def processes(self):
        return [int((self.engine.data / "postmaster.pid").read_text().split()[0])]

    def load(self, lines, size, elsewhere):
        self.source.load(lines, size, elsewhere)
        columns = ", ".join(["time timestamptz", *(f"{name} text" for name in COLUMNS)])
        self.engine.run("DROP TABLE IF EXISTS growth")
        self.engine.run(f"CREATE TABLE growth ({columns})")
        self.engine.run("GRANT SELECT ON growth TO duskwatch")
        copy = f"COPY growth (time, {', '.join(COLUMNS)}) FROM STDIN WITH (FORMAT csv)"
        for url in self.source.engine.urls:
            statement = f"SELECT concat(toString(time), '+00'), {', '.join(COLUMNS)} FROM growth_local FORMAT CSV"
            request = urllib.request.Request(url, data=statement.encode())
            psql = [self.engine.programs / "psql", "-h", "127.0.0.1", "-p", str(self.engine.port), "-U", "postgres", "-q", "-c", copy]
            with subprocess.Popen(psql, stdin=subprocess.PIPE) as copied, urllib.request.urlopen(request, timeout=3600) as answer:
                while piece := answer.read(1 << 20):
                    copied.stdin.write(piece)
            assert copied.returncode == 0
            self.source.engine.run(url, "DROP TABLE growth_local")
        self.engine.run("ANALYZE growth")

    def section(self):
        section = self.engine.section("growth", url=f"postgresql://127.0.0.1:{self.meter.port}/postgres")
        return {**section, "columns": {name: name for name in ["time", *COLUMNS]}, "slice": "1h", "late": "0s", "backfill": "1d"}

    def of_question(self):
        return None, None, None


KINDS = {"clickhouse": ClickHouse, "chdb": Chdb, "postgresql": PostgreSQL}


def ask(engine, lines, folder):
    """One slice, after everything before it was asked."""
    folder.mkdir()
    (folder / "empty.toml").write_text("")
    query = {**engine.section(), "timeout": "6h"}
    config = service.configuration(
        folder / "empty.toml", folder / "duskwatch.toml", store={"path": "duskwatch.db", "integrations_per_source": 10**6}, csv={"directory": ""}, query=[query], origin=NETWORKS
    )
    run("--config", config, "poll", now=DAY, cwd=folder)
    size, before, moved = (folder / "duskwatch.db").stat().st_size, cpu_seconds(engine.processes()), engine.meter.bytes
    seconds, cpu, memory = run("--config", config, "poll", now=HOUR_END, cwd=folder)
    bytes_moved = engine.meter.bytes - moved
    engine_cpu = cpu_seconds(engine.processes()) - before
    own_seconds, _, own_memory = engine.of_question()
    counts, integrations = of_store(folder / "duskwatch.db")
    asked = own_seconds or seconds
    engine_row = [lines, asked, engine_cpu, engine_cpu / lines * 1e6, round(lines / asked), own_memory]
    grown = (folder / "duskwatch.db").stat().st_size - size
    print(row([*engine_row, counts, bytes_moved / 1e6, seconds, cpu, memory, grown / 1e6, integrations]), flush=True)


NETWORKS = [{"name": "build-farm", "networks": ["10.20.0.0/16"]}, {"name": "datacenter", "networks": ["10.30.0.0/16"]}]


def row(cells):
    words = ("-" if cell is None else f"{cell:,.2f}" if isinstance(cell, float) else f"{cell:,}" if isinstance(cell, int) else cell for cell in cells)
    return " ".join(f"{word:>12}" for word in words)


HEAD = row("lines engine_s engine_cpu cpu_s/1e6 lines/s engine_MiB counts answer_MB poll_s poll_cpu_s poll_MiB store_MB integrations".split())


def of_store(path):
    """Day counts of the engine, and integrations."""
    with sqlite3.connect(path) as connection:
        counts = "SELECT count(*) FROM day_count JOIN track ON track.id = track_id JOIN source ON source.id = source_id WHERE source.name LIKE 'query/%'"
        integrations = "SELECT count(DISTINCT integration) FROM integration_status"
        return [connection.execute(statement).fetchone()[0] for statement in (counts, integrations)]


def read_as_file(lines, size, folder):
    """The same lines, read by duskwatch itself."""
    folder.mkdir()
    sections = {"store": {"path": "duskwatch.db"}, "csv": {"directory": ""}, "origin": NETWORKS}
    (folder / "empty.toml").write_text("")
    config = service.configuration(folder / "empty.toml", folder / "duskwatch.toml", **sections)
    begun, process = time.monotonic(), simulated(lines, size)
    with (folder / "lines.jsonl").open("wb") as file:
        shutil.copyfileobj(process.stdout, file, 1 << 20)
    made = time.monotonic() - begun
    seconds, cpu, memory = run("--config", config, "import", "--format", "json", "lines.jsonl", now=HOUR_END, cwd=folder)
    print(
        f"{lines:,} lines, {(folder / 'lines.jsonl').stat().st_size / 1e6:,.1f} MB, made in {made:.1f} s; imported in {seconds:.1f} s, "
        f"{lines / seconds:,.0f} lines/s, {cpu:.1f} s of CPU, {memory:.0f} MiB, a store of {(folder / 'duskwatch.db').stat().st_size / 1e6:,.1f} MB",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=KINDS, default="clickhouse")
    parser.add_argument("--size", default="large", help="of the organisation, as `duskwatch simulate` takes it")
    parser.add_argument("--lines", type=int, nargs="+", default=[10_000, 100_000, 1_000_000, 10_000_000])
    parser.add_argument("--elsewhere", type=float, default=0.0, help="share of the lines that lead to other hosts; clickhouse only")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        read_as_file(IMPORTED, wanted.size, folder / "file")
        shutil.rmtree(folder / "file")
        (folder / "engine").mkdir()
        with KINDS[wanted.engine](folder / "engine") as engine:
            print(f"{engine.version()}, {os.cpu_count()} cores, size {wanted.size}, {wanted.elsewhere:.0%} of other hosts", HEAD, sep="\n", flush=True)
            for number, lines in enumerate(wanted.lines):
                engine.load(lines, wanted.size, wanted.elsewhere)
                ask(engine, lines, folder / f"poll{number}")


if __name__ == "__main__":
    main()
