"""Engines that keep logs: real servers on loopback, with one table of evidence each."""

import csv
import importlib.util
import io
import itertools
import json
import os
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

import service

TEXTS = (
    "event_id workspace repository username email account_id client_ip user_agent scheme secret_prefix secret_id auth_type token_id "
    "token_label job host method path status message"
).split()
DEFAULTS = {"time": 0, "uses": 1, "until": 0}
NUMBERS = list(DEFAULTS)
PASSWORD = "a password of a test"
START_SECONDS = 60
LONGEST_SECONDS = 600

CONFIG = """<yandex><logger><level>warning</level><log>{base}/log</log><errorlog>{base}/errors</errorlog></logger>
<http_port>{http}</http_port><tcp_port>{tcp}</tcp_port><interserver_http_port>{inter}</interserver_http_port>
<listen_host>127.0.0.1</listen_host><path>{base}/data/</path><tmp_path>{base}/tmp/</tmp_path>
<users_config>{base}/users.xml</users_config><default_profile>default</default_profile><default_database>default</default_database>
<mark_cache_size>104857600</mark_cache_size><timezone>UTC</timezone>
<query_log><database>system</database><table>query_log</table><flush_interval_milliseconds>500</flush_interval_milliseconds></query_log>
<remote_servers><both>{shards}</both></remote_servers></yandex>"""
SHARD = "<shard><replica><host>127.0.0.1</host><port>{tcp}</port><user>default</user></replica></shard>"
USERS = """<yandex><profiles><default><log_queries>1</log_queries></default>
<asking><readonly>2</readonly><log_queries>1</log_queries></asking></profiles><quotas><default/></quotas><users>
<default><password></password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota></default>
<duskwatch><password>{password}</password><networks><ip>127.0.0.1</ip></networks><profile>asking</profile><quota>default</quota>
</duskwatch></users></yandex>"""


def texts(row):
    return {name: "" if row.get(name) is None else str(row[name]) for name in TEXTS}


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [held.getsockname()[1] for held in sockets]
    for held in sockets:
        held.close()
    return ports


class ClickHouse:
    """Two shards, and tables that are spread over both: `table` is asked, `table_local` is what each shard has of it."""

    def __init__(self, folder):
        self.folder, self.processes = folder, []

    def __enter__(self):
        ports = [free_ports(3) for _ in range(2)]
        shards = "".join(SHARD.format(tcp=tcp) for _, tcp, _ in ports)
        for number, (http, tcp, inter) in enumerate(ports):
            base = self.folder / f"shard{number}"
            base.mkdir()
            (base / "config.xml").write_text(CONFIG.format(base=base, http=http, tcp=tcp, inter=inter, shards=shards))
            (base / "users.xml").write_text(USERS.format(password=PASSWORD))
            line = ["clickhouse-server", f"--config-file={base / 'config.xml'}"]
            with (base / "output").open("wb") as output:
                self.processes.append(subprocess.Popen(line, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=base))
        self.urls = [f"http://127.0.0.1:{http}" for http, _, _ in ports]
        for url in self.urls:
            service.eventually(lambda url=url: self.is_up(url), START_SECONDS, f"ClickHouse at {url}")
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
            process.wait()

    @staticmethod
    def is_up(url):
        try:
            return ClickHouse.run(url, "SELECT 1") == "1\n"
        except (urllib.error.URLError, ConnectionError):
            return False

    @staticmethod
    def run(url, statement, data=b""):
        address = f"{url}/?{urllib.parse.urlencode({'query': statement, 'insert_distributed_sync': 1})}"
        with urllib.request.urlopen(urllib.request.Request(address, data=data), timeout=LONGEST_SECONDS) as answer:
            return answer.read().decode()

    COLUMNS = ", ".join([*(f"{name} String" for name in TEXTS), *(f"{name} Int64" for name in NUMBERS)])

    @staticmethod
    def lines(rows):
        """JSON lines of the rows, some tens of megabytes at a time."""
        rows = iter(rows)
        while some := list(itertools.islice(rows, 100_000)):
            lines = (json.dumps({**texts(row), **{name: row.get(name) or DEFAULTS[name] for name in DEFAULTS}}) for row in some)
            yield "\n".join(lines).encode()

    def load(self, table, rows):
        for url in self.urls:
            order = "PARTITION BY toYYYYMM(toDateTime(intDiv(time, 1000))) ORDER BY time"
            self.run(url, f"CREATE TABLE {table}_local ({self.COLUMNS}) ENGINE = MergeTree() {order}")
        self.run(self.urls[0], f"CREATE TABLE {table} AS {table}_local ENGINE = Distributed(both, default, {table}_local, rand())")
        for lines in self.lines(rows):
            self.run(self.urls[0], f"INSERT INTO {table} FORMAT JSONEachRow", lines)

    def asked(self, shard, part):
        """How many questions with this text a shard has answered."""
        statement = f"SELECT count() FROM system.query_log WHERE type = 2 AND position(query, '{part}') > 0 AND position(query, 'query_log') = 0"
        return int(self.run(self.urls[shard], statement))

    def section(self, table, **changes):
        """The `[[query]]` of a table."""
        return {
            "name": table, "engine": "clickhouse", "url": self.urls[0], "username": "duskwatch", "password": "env:ENGINE_PASSWORD",
            "table": f"default.{table}", "columns": {name: name for name in [*TEXTS, *NUMBERS]}, "time_unit": "milliseconds",
            "slice": "6h", "late": "1h", **changes,
        }


class Chdb:
    """ClickHouse of today, from PyPI: one process, behind as much of HTTP as duskwatch speaks."""

    def __init__(self, folder):
        self.folder = folder

    @staticmethod
    def is_installed():
        return importlib.util.find_spec("chdb") is not None

    def __enter__(self):
        (port,) = free_ports(1)
        self.urls = [f"http://127.0.0.1:{port}"]
        server = Path(__file__).parent / "chdb_server.py"
        with (self.folder / "output").open("wb") as output:
            line = [sys.executable, server, str(port), self.folder / "data"]
            self.process = subprocess.Popen(line, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        service.eventually(lambda: ClickHouse.is_up(self.urls[0]), START_SECONDS, "chdb")
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    run = staticmethod(ClickHouse.run)

    def load(self, table, rows):
        self.run(self.urls[0], f"CREATE TABLE {table} ({ClickHouse.COLUMNS}) ENGINE = MergeTree ORDER BY time")
        file = self.folder / "rows.jsonl"
        for lines in ClickHouse.lines(rows):
            file.write_bytes(lines)
            self.run(self.urls[0], f"INSERT INTO {table} FROM INFILE '{file}' FORMAT JSONEachRow")

    section = ClickHouse.section


class PostgreSQL:
    """One server; absent values are NULL, instants `timestamptz`."""

    TYPES = {"client_ip": "text", "status": "integer", "time": "timestamptz", "until": "timestamptz", "uses": "bigint"}

    def __init__(self, folder):
        self.folder, self.tables = folder, []

    def __enter__(self):
        self.programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]
        (self.port,) = free_ports(1)
        self.data = self.folder / "data"
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres")
            for parent in self.folder.parents[:3]:
                parent.chmod(parent.stat().st_mode | 0o011)
        self.server("initdb", "-D", self.data, "-A", "trust", "-U", "postgres", "--locale=C.UTF-8")
        rules = "host all duskwatch 127.0.0.1/32 scram-sha-256\nhost all postgres 127.0.0.1/32 trust\nlocal all all trust\n"
        self.server("sh", "-c", f"printf '{rules}' > {self.data}/pg_hba.conf")
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.folder} -c log_statement=all"
        self.server("pg_ctl", "-D", self.data, "-o", options, "-l", self.folder / "log", "-w", "start")
        self.run(f"CREATE ROLE duskwatch LOGIN PASSWORD '{PASSWORD}'")
        return self

    def __exit__(self, *_):
        self.server("pg_ctl", "-D", self.data, "-m", "immediate", "stop")

    def server(self, program, *arguments):
        """No server of PostgreSQL runs as root."""
        found = self.programs / program
        line = [str(found if found.exists() else program), *map(str, arguments)]
        line = ["runuser", "-u", "postgres", "--", *line] if os.geteuid() == 0 else line
        subprocess.run(line, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT, cwd="/", timeout=60)

    def run(self, statement, data=None):
        line = [self.programs / "psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-qAt", "-v", "ON_ERROR_STOP=1", "-c", statement]
        return subprocess.run(line, check=True, input=data, capture_output=True, text=True, timeout=LONGEST_SECONDS).stdout.strip()

    def load(self, table, rows):
        names = [*TEXTS, *NUMBERS]
        columns = ", ".join(f"{name} {self.TYPES.get(name, 'text')}" for name in names)
        self.run(f"CREATE TABLE {table} ({columns})")
        self.run(f"GRANT SELECT ON {table} TO duskwatch")
        rows = iter(rows)
        while some := list(itertools.islice(rows, 100_000)):
            text = io.StringIO()
            writer = csv.writer(text)
            for row in some:
                instants = {name: datetime.fromtimestamp(row[name] / 1000, UTC).isoformat() for name in ("time", "until") if row.get(name)}
                writer.writerow([{"uses": 1, **row, **instants}.get(name) for name in names])
            self.run(f"COPY {table} ({', '.join(names)}) FROM STDIN WITH (FORMAT csv)", text.getvalue())

    def asked(self, _, part):
        return (self.folder / "log").read_text().count(part)

    def section(self, table, **changes):
        return {
            "name": table, "engine": "postgresql", "url": f"postgresql://127.0.0.1:{self.port}/postgres", "username": "duskwatch",
            "password": "env:ENGINE_PASSWORD", "table": f"public.{table}", "columns": {name: name for name in [*TEXTS, *NUMBERS]},
            "slice": "6h", "late": "1h", **changes,
        }


ENGINES = {"clickhouse": ClickHouse, "postgresql": PostgreSQL}
ENVIRONMENT = {**os.environ, "ENGINE_PASSWORD": PASSWORD}
