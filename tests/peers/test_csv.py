"""The CSV package of `duskwatch export`, as the reference validator, two data tools, Python's csv module and a spreadsheet take it."""

import csv
import io
import itertools
import json
import re
from datetime import datetime

import duckdb
import pandas
import pytest
from frictionless import validate

import service

COLUMNS = {
    "integrations.csv": "campaign, rank, integration, status, returned, waived, window_only, unseen_since, grade, score, user, user_name, "
    "user_email, owner, workspaces, client, client_name, category, origin, machine, period_days, first_seen, last_seen, last_accepted, "
    "last_rejected, uses_7d, uses_30d, rejected_30d, repositories, repository_count, writes_30d, highest_permission, replacement, "
    "replacement_last_seen, replacement_rejected_30d, deadline, latest_safe_start, advice, reasons",
    "authentications.csv": "date, user, integration, workspace, credential, grade, outcome, uses",
    "users.csv": "user, user_name, user_email, owner, remaining_integrations, legacy_uses_30d, replacement_uses_30d, other_uses_30d, "
    "last_legacy, live_api_tokens, last_accessed, highest_permission, observed, member",
    "burndown.csv": "campaign, date, remaining, remaining_known, remaining_as_reported, active, failing, migrating, stale, quiet, migrated, "
    "retired, users_remaining, uses, rejected, observed_share, forecast_p10, forecast_p50, forecast_p90",
    "changes.csv": "date, campaign, integration, from, to, cause, reason",
    "coverage.csv": "source, from, to, state, items, skipped, reason",
    "tokens.csv": "token, kind, label, user, user_email, owner, integration, status, created_at, last_active_at, expires_at, "
    "days_left, listed_by",
    "journal.csv": "sequence, time, actor, action, detail, hash",
}

FILES = sorted(COLUMNS)
REMAINING = ("active", "failing", "migrating", "quiet")
STATUSES = {*REMAINING, "stale", "migrated", "retired"}
SOURCE = re.compile(r"(audit|tokens|access|log|intake|import)/.+")

# Empty stands last in an ascending order of ranks and dates.
LAST = float("inf")
ORDER = {
    "integrations.csv": lambda row: (row["campaign"], int(row["rank"] or 0) or LAST, row["integration"]),
    "authentications.csv": lambda row: tuple(row[c] for c in ("date", "user", "integration", "workspace", "credential", "grade", "outcome")),
    "users.csv": lambda row: row["user"],
    "burndown.csv": lambda row: (row["campaign"], row["date"]),
    "changes.csv": lambda row: (row["date"], row["integration"]),
    "coverage.csv": lambda row: (row["source"], row["from"]),
    "tokens.csv": lambda row: (row["expires_at"] or "9999", row["token"]),
    "journal.csv": lambda row: int(row["sequence"]),
}


@pytest.fixture(scope="module")
def reports(polled, tmp_path_factory):
    folder = tmp_path_factory.mktemp("reports")
    service.command("--config", polled / "duskwatch.toml", "export", "--output", folder, cwd=polled)
    return folder


@pytest.fixture(scope="module")
def package(reports):
    return reports / "latest"


@pytest.fixture(scope="module")
def description(package):
    return json.loads((package / "datapackage.json").read_text())


def rows(package, name):
    with open(package / name, newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines, strict=True))


def test_latest_links_to_the_package_of_the_day(reports, package):
    assert package.is_symlink()
    assert package.readlink().name == service.DAY and not package.readlink().is_absolute()
    assert sorted(path.name for path in reports.iterdir()) == sorted([service.DAY, "latest"])


def test_the_package_holds_the_promised_files_and_no_other(package):
    assert sorted(path.name for path in package.iterdir()) == sorted([*FILES, "datapackage.json"])


def test_frictionless_finds_no_error(package):
    report = validate(package / "datapackage.json")
    errors = [f"{task.name}: {error.message}" for task in report.tasks for error in task.errors]
    assert errors + [error.message for error in report.errors] == []
    assert report.valid and len(report.tasks) == len(FILES)


def test_frictionless_can_refuse(package, tmp_path):
    for name in [*FILES, "datapackage.json"]:
        (tmp_path / name).write_bytes((package / name).read_bytes().replace(b"2026-0", b"not a date "))
    assert not validate(tmp_path / "datapackage.json").valid


@pytest.mark.parametrize("name", FILES)
def test_columns_are_the_promised_ones(package, description, name):
    columns = COLUMNS[name].split(", ")
    with open(package / name, newline="", encoding="utf-8") as lines:
        assert next(csv.reader(lines)) == columns
    [resource] = [resource for resource in description["resources"] if resource["path"] == name]
    assert [field["name"] for field in resource["schema"]["fields"]] == columns
    assert all(field["description"] for field in resource["schema"]["fields"])


@pytest.mark.parametrize("name", FILES)
def test_python_writes_the_same_bytes_that_it_read(package, name):
    content = (package / name).read_bytes()
    assert not content.startswith(b"\xef\xbb\xbf") and content.endswith(b"\r\n")
    read = list(csv.reader(io.StringIO(content.decode("utf-8"), newline=""), strict=True))
    assert {len(row) for row in read} == {len(read[0])}
    written = io.StringIO(newline="")
    csv.writer(written, lineterminator="\r\n").writerows(read)
    assert written.getvalue().encode("utf-8") == content


@pytest.mark.parametrize("name", FILES)
def test_rows_are_sorted(package, name):
    found = rows(package, name)
    for before, after in itertools.pairwise(found):
        assert ORDER[name](before) <= ORDER[name](after), f"{before}\nstands before\n{after}"


@pytest.mark.parametrize("name", FILES)
def test_cells_are_of_their_kind_and_run_no_formula(package, description, name):
    [resource] = [resource for resource in description["resources"] if resource["path"] == name]
    kinds = {field["name"]: field["type"] for field in resource["schema"]["fields"]}
    forms = {
        "boolean": r"true|false",
        "integer": r"-?\d+",
        "number": r"-?\d+(\.\d+)?",
        "date": r"\d{4}-\d\d-\d\d",
        "datetime": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z",
        "string": r"(?s)[^=+\-@\t\r].*",
    }
    for row in rows(package, name):
        for column, cell in row.items():
            assert cell == "" or re.fullmatch(forms[kinds[column]], cell), f"{column} ({kinds[column]}): {cell!r}"


def test_what_has_a_kind_says_so(description):
    kinds = {(resource["path"], field["name"]): field["type"] for resource in description["resources"] for field in resource["schema"]["fields"]}
    expected = {
        ("integrations.csv", "rank"): "integer",
        ("integrations.csv", "score"): "number",
        ("integrations.csv", "returned"): "boolean",
        ("integrations.csv", "last_seen"): "datetime",
        ("authentications.csv", "date"): "date",
        ("authentications.csv", "uses"): "integer",
        ("burndown.csv", "remaining"): "integer",
        ("coverage.csv", "from"): "datetime",
        ("tokens.csv", "expires_at"): "datetime",
    }
    assert {key: kinds[key] for key in expected} == expected


def test_the_ranking_speaks_the_words_of_the_contract(package):
    found = rows(package, "integrations.csv")
    assert len(found) >= 5 and {row["status"] for row in found} <= STATUSES
    assert all(re.fullmatch(r"[a-z2-7]{8}", row["integration"]) for row in found)
    assert len({(row["campaign"], row["integration"]) for row in found}) == len(found)
    ranks = [int(row["rank"]) for row in found if row["rank"]]
    assert ranks == list(range(1, len(ranks) + 1))
    assert {bool(row["rank"]) for row in found if row["status"] in (*REMAINING, "stale")} == {True}
    assert all(row["advice"] and row["reasons"] for row in found if row["rank"])
    assert {row["grade"] for row in found} <= {"proven", "strong", "weak"}


def test_the_burndown_ends_at_what_the_ranking_counts(package):
    found = rows(package, "integrations.csv")
    for campaign in {row["campaign"] for row in found}:
        last = [row for row in rows(package, "burndown.csv") if row["campaign"] == campaign][-1]
        counted = {status: sum(row["status"] == status for row in found if row["campaign"] == campaign) for status in STATUSES}
        assert last["date"] == service.DAY
        assert {status: int(last[status]) for status in STATUSES} == counted
        assert int(last["remaining"]) == sum(counted[status] for status in REMAINING)


def test_burndown_has_every_day_once(package):
    days = [datetime.fromisoformat(row["date"]).date() for row in rows(package, "burndown.csv")]
    assert [(after - before).days for before, after in itertools.pairwise(days)] == [1] * (len(days) - 1)
    assert len(days) >= 100


def test_coverage_names_sources_as_everybody_does(package):
    found = rows(package, "coverage.csv")
    assert all(SOURCE.fullmatch(row["source"]) for row in found)
    assert {row["source"].partition("/")[0] for row in found} >= {"audit", "tokens", "access", "log"}
    assert {row["state"] for row in found} <= {"covered", "partial", "missed", "not_permitted"}
    assert all(row["from"] <= row["to"] for row in found)


def test_the_same_store_gives_the_same_bytes(polled, package, tmp_path):
    service.command("--config", polled / "duskwatch.toml", "export", "--output", tmp_path, cwd=polled)
    for name in [*FILES, "datapackage.json"]:
        assert (tmp_path / "latest" / name).read_bytes() == (package / name).read_bytes(), name


DUCKDB = {"string": "VARCHAR", "integer": "BIGINT", "number": "DOUBLE", "boolean": "BOOLEAN", "date": "DATE", "datetime": "TIMESTAMP"}


@pytest.mark.parametrize("name", FILES)
def test_duckdb_finds_the_same_rows_and_kinds_without_being_told(package, description, name):
    found, [resource] = rows(package, name), [r for r in description["resources"] if r["path"] == name]
    table = duckdb.sql(f"SELECT * FROM read_csv('{package / name}')")
    assert table.columns == COLUMNS[name].split(", ") and len(table.fetchall()) == len(found)
    guessed = dict(zip(table.columns, map(str, table.types), strict=True))
    for field in resource["schema"]["fields"]:
        # Of a column without a value, or of whole numbers, there are several true guesses.
        values = [row[field["name"]] for row in found if row[field["name"]]]
        allowed = {DUCKDB[field["type"]], *(["BIGINT"] if field["type"] == "number" else []), *(["TIMESTAMP WITH TIME ZONE"] if field["type"] == "datetime" else [])}
        assert not values or guessed[field["name"]] in allowed or field["type"] == "string", f"{field}: {guessed[field['name']]}"


@pytest.mark.parametrize("name", FILES)
def test_pandas_reads_it_as_described(package, description, name):
    found, [resource] = rows(package, name), [r for r in description["resources"] if r["path"] == name]
    fields = {field["name"]: field["type"] for field in resource["schema"]["fields"]}
    kinds = {"string": "string", "integer": "Int64", "number": "Float64", "boolean": "boolean"}
    instants = [column for column, kind in fields.items() if kind in ("date", "datetime")]
    frame = pandas.read_csv(
        package / name, dtype={column: kinds[kind] for column, kind in fields.items() if kind in kinds}, parse_dates=instants,
        keep_default_na=False, na_values=[""], true_values=["true"], false_values=["false"],
    )
    assert list(frame.columns) == list(fields) and len(frame) == len(found)
    for column in frame.columns:
        assert frame[column].isna().sum() == sum(row[column] == "" for row in found), column


# What spreadsheets are known to run, and what they take for it: OWASP's list, and the wide and small forms of its characters.
FORMULAS = ["=1+1", "+1+1", "-1+1", "@SUM(1)", "=cmd|' /C calc'!A0", "\t=1", "\r=1", " =1", "\u00a0=1", "\u200b=1", "\ufeff=1",
            "\u3000=1", "＝1", "＋1", "－1", "＠A1", "﹦1", "﹢1", "﹣1", "﹫A1", "−1", "=HYPERLINK(\"http://x.test\",\"y\")", "%0A-1",
            ";=1", ",=1", "\"=1", "'=1", "\n=1", "=1\r\n=2"]
STARTS = "=+-@＝＋－＠﹦﹢﹣﹫−\t\r"


def runs(cell):
    """Whether a spreadsheet may take a text for a formula: it looks past blanks and what is invisible."""
    seen = cell.lstrip(" \u00a0\u3000\u200b\u200c\u200d\ufeff\n")
    return seen != "" and seen[0] in STARTS


def test_no_name_that_a_stranger_chose_is_run_by_a_spreadsheet(polled, tmp_path):
    evidence = tmp_path / "evidence.jsonl"
    base = {"time": "2026-07-02T06:07:12Z", "host": "bitbucket.org", "secret_prefix": "ATBB", "status": 200, "scheme": "basic"}
    lines = [
        {**base, "username": name, "job": name, "workspace": "acme", "repository": name, "user_agent": name, "token_label": name}
        for name in FORMULAS
    ]
    evidence.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    config = service.configuration(polled / "duskwatch.toml", tmp_path / "duskwatch.toml", store={"path": "own.db"})
    service.command("--config", config, "import", "--format", "json", evidence, cwd=tmp_path)
    service.command("--config", config, "export", "--output", tmp_path / "reports", cwd=tmp_path)
    origins = [row["origin"] for row in rows(tmp_path / "reports/latest", "integrations.csv")]
    assert sum(origin.startswith("'") for origin in origins) >= 15, origins
    for name in FILES:
        kinds = {field["name"]: field["type"] for resource in json.loads((tmp_path / "reports/latest/datapackage.json").read_text())["resources"]
                 if resource["path"] == name for field in resource["schema"]["fields"]}
        for row in rows(tmp_path / "reports/latest", name):
            assert not [(column, cell) for column, cell in row.items() if kinds[column] == "string" and runs(cell)], name
    assert validate(tmp_path / "reports/latest/datapackage.json").valid


def test_old_packages_go_and_the_link_stays_with_the_newest(store):
    config = service.configuration(store / "duskwatch.toml", store / "duskwatch.toml", csv={"directory": "packages", "keep": "3d"})
    for now in ("2026-06-28T07:00:00Z", "2026-07-02T07:00:00Z", service.NOW):
        service.command("--config", config, "export", cwd=store, now=now)
    folder = store / "packages"
    assert sorted(path.name for path in folder.iterdir()) == ["2026-07-02", service.DAY, "latest"]
    service.command("--config", config, "export", "--as-of", "2026-06-20", cwd=store)
    assert (folder / "latest").readlink().name == service.DAY
    assert max(row["date"] for row in rows(folder / "2026-06-20", "burndown.csv")) == "2026-06-20"
    assert max(row["date"] for row in rows(folder / "2026-06-20", "authentications.csv")) <= "2026-06-20"
