"""Engines that keep the log themselves: what they judge and count is what duskwatch judges and counts.

    .venv/bin/python -m pytest tests/peers/test_query.py [--rows 1000000]

Where chdb is installed, which is the ClickHouse of today, it is asked as well: .venv/bin/pip install chdb==4.4.0 takes 900 MB.
"""

import base64
import itertools
import json
import random
import re
import shutil
import sqlite3
import time
import tomllib
from datetime import datetime

import pytest

import engines
import service

LOG = "egress-inspected"
# The simulated organisation is read from this day on: a question a day is enough to compare.
FIRST_DAY = "2026-06-28"
NAMES = "username_id email_id account_id client_id origin_id host_id workspace_id repository_id token_id token_label_id secret_id".split()
VERDICT = "credential grade outcome operation brownout rule".split()


@pytest.fixture(scope="module", params=engines.ENGINES)
def engine(request, tmp_path_factory):
    with engines.ENGINES[request.param](tmp_path_factory.mktemp(request.param)) as started:
        yield started


@pytest.fixture(scope="module")
def engine_of_today(tmp_path_factory):
    if not engines.Chdb.is_installed():
        pytest.skip("chdb, the ClickHouse of today, is not installed: its 900 MB are no part of the requirements")
    with engines.Chdb(tmp_path_factory.mktemp("chdb")) as started:
        yield started


def counts(store, source):
    """Day counts of a source: track, day and verdict to uses, first and last instant and hours."""
    name = ", ".join(f"(SELECT text FROM name WHERE id = track.{column})" for column in NAMES)
    statement = (
        f"SELECT day, origin_kind, {name}, {', '.join(VERDICT)}, uses, first_ms, last_ms, hours FROM day_count "
        "JOIN track ON track.id = track_id JOIN verdict ON verdict.id = verdict_id JOIN source ON source.id = source_id WHERE source.name = ?"
    )
    with sqlite3.connect(store) as connection:
        return {row[:-4]: row[-4:] for row in connection.execute(statement, (source,))}


def totals(store, source, table):
    with sqlite3.connect(store) as connection:
        return connection.execute(f"SELECT {table} FROM source WHERE name = ?", (source,)).fetchone()[0]


def assert_same(expected, found):
    differences = [(key, expected.get(key), found.get(key)) for key in {*expected, *found} if expected.get(key) != found.get(key)]
    assert expected and not differences, f"{len(differences)} of {len(expected)} differ, such as {sorted(differences, key=str)[:4]}"


def unsigned(line):
    """The line as an engine would keep it: of a header only what is no secret."""
    scheme, _, secret = line.pop("authorization", " ").partition(" ")
    if secret:
        user, _, secret = base64.b64decode(secret + "==").decode().partition(":")
        line |= {"scheme": scheme, "username": user}
        line |= {"secret_prefix": secret[:4]} if secret[:4] in ("ATBB", "ATAT", "ATCT") else {}
    return line


def milliseconds(time):
    return round(datetime.fromisoformat(time.replace("Z", "+00:00")).timestamp() * 1000)


def lines_of(paths):
    for path, text in ((path, text) for path in paths for text in path.read_text(errors="replace").splitlines()):
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if isinstance(line, dict) and line.get("time", "") >= FIRST_DAY:
            yield unsigned(line)


def test_an_organisation_is_the_same_read_from_files_and_asked_of_an_engine(engine, simulator, polled_apis, tmp_path):
    lines = list(lines_of(sorted((simulator.parent / "logs").glob(f"{LOG}-*.jsonl"))))
    (tmp_path / "egress.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    table = LOG.replace("-", "_")
    engine.load(table, [{**line, "time": milliseconds(line["time"])} for line in lines])
    log = {"name": LOG, "paths": [str(tmp_path / "egress.jsonl")], "format": "json"}
    query = engine.section(table, name=LOG, backfill="5d", slice="1h", late="6h")
    packages = {}
    for source, sections in (("log", {"log": [log]}), ("query", {"log": [], "query": [query]})):
        folder = shutil.copytree(polled_apis, tmp_path / source)
        settings = {"store": {"path": "duskwatch.db"}, "csv": {"directory": "reports"}, **sections}
        config = service.configuration(simulator, folder / "duskwatch.toml", **settings)
        line = ("--config", config, "poll", "--source", f"{source}/{LOG}")
        service.command(*line, cwd=folder, environment=engines.ENVIRONMENT)
        service.command("--config", config, "export", cwd=folder, environment=engines.ENVIRONMENT)
        package = folder / "reports" / "latest"
        packages[source] = {path.name: path.read_text().replace(f"{source}/{LOG}", "SOURCE") for path in sorted(package.glob("*.csv"))}
    stores = [tmp_path / source / "duskwatch.db" for source in packages]
    assert_same(counts(stores[0], f"log/{LOG}"), counts(stores[1], f"query/{LOG}"))
    # What is asked in slices is covered in slices; the days are the same.
    spans = [[line for line in package.pop("coverage.csv").splitlines() if line.startswith("SOURCE")] for package in packages.values()]
    assert [line.split(",")[2] for line in spans[0]][-1][:10] == service.DAY and spans[1][0].split(",")[1][:10] == FIRST_DAY
    assert packages["log"].keys() == packages["query"].keys()
    for name, text in packages["log"].items():
        different = [pair for pair in itertools.zip_longest(text.splitlines(), packages["query"][name].splitlines()) if pair[0] != pair[1]]
        assert not different, f"{name}: {different[:2]}"
    assert len(packages["log"]["integrations.csv"].splitlines()) > 5


@pytest.fixture(scope="module")
def polled_apis(simulator, tmp_path_factory):
    """A store that has read everything but logs."""
    folder = tmp_path_factory.mktemp("apis")
    config = service.configuration(simulator, folder / "duskwatch.toml", store={"path": "duskwatch.db"}, log=[])
    service.command("--config", config, "poll", cwd=folder)
    return folder


# A condition of every kind, so that each is said in the engine's words.
RULES = """
[[before]]
id = "own-agent"
reason = "x"
when = { user_agent = { prefix = "acme-vault/", regex = "[0-9]+[.][0-9]$" } }
credential = "api_token"
grade = "strong"
[[before]]
id = "own-network"
reason = "x"
when = { client_ip = ["10.64.0.0/10", "2001:db8:8000::/33", "192.0.2.77"], username_kind = ["nickname", "email"] }
credential = "oauth"
grade = "weak"
[[before]]
id = "own-uses"
reason = "x"
when = { uses = [7], until = { present = true } }
credential = "session"
grade = "weak"
[[before]]
id = "own-path"
reason = "x"
when = { path = { contains = ["/hooks"] }, event_id = { prefix = ["ev-"] }, status = [200, 204] }
credential = "connect"
grade = "strong"
[[before]]
id = "own-place"
reason = "x"
when = { workspace = "acme", repository = { prefix = ["vault-", "it's"] }, operation = ["git_write", "api_write"] }
credential = "container"
grade = "proven"
outcome = "accepted"
[[after]]
id = "own-client"
reason = "x"
when = { client = ["jgit", "unknown"], message = { present = true }, outcome = "unknown" }
credential = "app_password"
grade = "weak"
"""
DAYS = ("2026-06-09", "2026-06-10")
# The first of these days has published windows; the removal is moved to the middle of the second.
SEEN_FROM = "2026-06-11T07:00:00Z"
ORIGINS = [
    {"name": "farm", "networks": ["10.20.0.0/16", "2001:db8:1::/48"]}, {"name": "odd", "networks": ["10.20.128.0/19", "203.0.113.64/26"]},
]


def agents():
    examples = [row.get("example") for row in tomllib.loads((service.ROOT / "config" / "clients.toml").read_text())["client"]]
    # The rules of our own ask for these, and would decide too little beside the whole catalogue.
    own = ["acme-vault/1.7", "acme-vault/x", "curlish/1 (odd)", "JGit/6.1", "PYCHARM/2024", "-", None]
    return [agent for agent in examples if agent] + own * 4


# Each is an integration, and duskwatch holds all of them in memory when it judges.
JOBS = 1_000


def random_row(draw, agents, number):
    repository = draw.choice(["pay", "Vault", "vault", "it's"]) + f"-{number}"
    workspace = draw.choice(["acme", "Acme", "other"])
    tail = draw.choice([
        "/info/refs?service=git-upload-pack", "/info/refs?service=git-receive-pack", "/git-upload-pack", "/git-receive-pack", "/HEAD",
        "/objects/ab/cdef", "/info/lfs/locks", "/info/lfs/locks/verify", "/info/lfs/objects/batch", "/src/main/x/y/z", "/pull-requests/4", "",
    ])
    git = f"/{workspace}/{repository}{draw.choice(['', '.git'])}{tail}"
    rest = f"{draw.choice(['/2.0', '/api/2.0', '/!api/2.0', ''])}/repositories/{workspace}/{repository}/hooks/7"
    path = draw.choice([
        git, git, git, rest, rest, f"/2.0/workspaces/{workspace}/members", "/2.0/user", "/account/settings/",
        f"/2.0/user/workspaces/{workspace}/permissions/repositories", "/site/oauth2/access_token", f"https://bitbucket.org{git}",
        f"https://api.bitbucket.org/2.0/snippets/{workspace}", f"git-receive-pack '{workspace}/{repository}.git'", "bitbucket.org:22", None,
    ])
    at = milliseconds(f"{draw.choice(DAYS)}T00:00:00Z") + draw.randrange(86_400_000)
    name = draw.choice(["mtessel", "Mona@Example.test", "svc-build", "x-token-auth", "X-Bitbucket-Api-Token-Auth", "git", "-", None, None])
    return {
        "time": at, "path": path, "username": name, "user_agent": draw.choice(agents),
        "until": draw.choice([None, None, at + draw.randrange(90_000_000)]), "uses": draw.choice([1, 1, 1, 7, 40]),
        "event_id": draw.choice([None, f"ev-{number}", f"{number}"]), "host": draw.choice([
            "bitbucket.org", "bitbucket.org", "BitBucket.org:443", "api.bitbucket.org", "ssh.bitbucket.org", "altssh.bitbucket.org:443",
            "bitbucket.org:22", None, "github.example.test",
        ]),
        "client_ip": draw.choice([
            "198.51.100.7", "10.20.1.9", "10.20.140.1", "10.70.2.3", "203.0.113.70", "192.0.2.77", "::ffff:10.20.1.2", "2001:db8:1:2::3",
            "2001:DB8:9000::1", "fe80::1", "999.1.1.1", "nowhere", None,
        ]),
        "scheme": draw.choice(["basic", "Basic", "bearer", "ssh", "secret", None]), "method": draw.choice(["GET", "post", "PUT", "CONNECT", None]),
        "status": draw.choice([200, 204, 302, 401, 403, 404, 410, 500, None]),
        "secret_prefix": draw.choice([None, None, None, "ATBB", "ATAT", "ATCT", "ATBBx7c2e9", "none"]),
        "auth_type": draw.choice([None] * 9 + ["api-token", "session", "auth-token-for-3LO", "new-kind"]),
        "message": draw.choice([None, None, "-", "remote: CHANGE-3222 - gone", "App Passwords are deprecated", "not found",
            "API Token provided has no Bitbucket scopes", "stopped supporting account passwords"]),
        "job": draw.choice([None, None, f"job-{number % JOBS}"]), "token_label": draw.choice([None, None, "a label"]),
        "workspace": draw.choice([None, None, None, "Given"]), "repository": draw.choice([None, None, None, f"there/Given-{number}.git"]),
        "email": draw.choice([None, None, "Who@Example.test"]), "account_id": draw.choice([None, None, "712020:aa"]),
        "secret_id": draw.choice([None, f"sec-{number}"]), "token_id": draw.choice([None, None, None, f"tok-{number}"]),
    }


def test_the_engine_says_of_random_evidence_what_duskwatch_says(engine, request, tmp_path):
    says_the_same_of_random_evidence(engine, request.config.getoption("--rows"), tmp_path)


def test_the_engine_of_today_says_of_random_evidence_what_duskwatch_says(engine_of_today, request, tmp_path):
    says_the_same_of_random_evidence(engine_of_today, request.config.getoption("--rows"), tmp_path)


def says_the_same_of_random_evidence(engine, rows, tmp_path):
    draw, known = random.Random(20260609), agents()
    (tmp_path / "own.toml").write_text(RULES)
    (tmp_path / "empty.toml").write_text("")
    with (tmp_path / "evidence.jsonl").open("w") as lines:
        evidence = (random_row(draw, known, number) for number in range(rows))
        lines.writelines(json.dumps({name: value for name, value in row.items() if value is not None}) + "\n" for row in evidence)
    with (tmp_path / "evidence.jsonl").open() as lines:
        engine.load("random", map(json.loads, lines))
    query = engine.section("random", backfill="2d", timeout="1h")
    config = service.configuration(
        tmp_path / "empty.toml", tmp_path / "duskwatch.toml", store={"path": "duskwatch.db"}, csv={"directory": ""}, query=[query], origin=ORIGINS,
        rules={"file": "own.toml"}, campaign=[{"file": "builtin:bitbucket-app-passwords", "removal": f"{DAYS[1]}T12:00:00Z"}],
    )
    options = {"cwd": tmp_path, "environment": engines.ENVIRONMENT, "now": SEEN_FROM, "seconds": 180 + rows / 500}
    begun = time.monotonic()
    service.command("--config", config, "import", "--format", "json", "evidence.jsonl", **options)
    read = time.monotonic()
    service.command("--config", config, "poll", **options)
    print(f"{rows} rows: imported in {read - begun:.1f} s, asked of {type(engine).__name__} in {time.monotonic() - read:.1f} s")
    imported, asked = (counts(tmp_path / "duskwatch.db", source) for source in ("import/files", "query/random"))
    assert_same(imported, asked)
    rules = {key[-1] for key in asked}
    own = set(re.findall(r'^id = "(.*)"', RULES, re.MULTILINE))
    assert own <= rules and len(rules) > 20, f"{own - rules} decided nothing; {sorted(rules)} did"
    assert totals(tmp_path / "duskwatch.db", "import/files", "items") == totals(tmp_path / "duskwatch.db", "query/random", "items")


def test_the_question_is_labelled_and_its_refusals_say_what_to_do(engine, tmp_path):
    engine.load("few", [{"time": milliseconds("2026-07-03T05:00:00Z"), "host": "bitbucket.org", "scheme": "basic", "username": "mona"}])
    (tmp_path / "empty.toml").write_text("")

    def configured(**changes):
        sections = {"store": {"path": "duskwatch.db"}, "csv": {"directory": ""}, "query": [engine.section("few", backfill="1d", **changes)]}
        return "--config", service.configuration(tmp_path / "empty.toml", tmp_path / "duskwatch.toml", **sections)

    options = {"cwd": tmp_path, "environment": engines.ENVIRONMENT}
    checked = service.command(*configured(), "check", **options).stdout
    assert "the table can be asked" in checked
    assert any("clock" in line and "query/few" in line for line in checked.splitlines()), f"it tells no time: {checked}"
    service.command(*configured(), "poll", **options)
    assert totals(tmp_path / "duskwatch.db", "query/few", "items") == 1
    # The answer is there before the engine has written its log.
    for shard, part in (0, "k_path"), (1, "k_path"), (0, "duskwatch query/few 2026-07-02T00:00:00Z"):
        service.eventually(lambda shard=shard, part=part: engine.asked(shard, part), 30, f"{part} in the log of shard {shard}")
    again = ("poll", "--since", service.DAY)
    refused = service.command(*configured(columns={"time": "tme"}), *again, **options, expect=75).stdout
    assert "there is no such column" in refused
    refused = service.command(*configured(), *again, cwd=tmp_path, environment={"ENGINE_PASSWORD": "another"}, expect=75).stdout
    assert "the account or its password is wrong" in refused and "query.few.password" in refused
