"""The JSON report against its published schema, as a validator of another project reads both."""

import json

import jsonschema
import pytest

import service

SCHEMAS = {name: json.loads((service.ROOT / f"config/{name}.schema.json").read_text()) for name in ("report", "notice")}


def report(folder, *arguments, now=service.NOW):
    return json.loads(service.command("--config", folder / "duskwatch.toml", "report", "--format", "json", *arguments, cwd=folder, now=now).stdout)


def faults(document, schema="report"):
    validator = jsonschema.Draft202012Validator(SCHEMAS[schema], format_checker=jsonschema.FormatChecker())
    return [f"{'/'.join(map(str, error.absolute_path))}: {error.message[:200]}" for error in validator.iter_errors(document)]


def objects(schema):
    """Every part of the schema that describes an object."""
    if isinstance(schema, dict):
        if "properties" in schema:
            yield schema
        for part in schema.values():
            yield from objects(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from objects(part)


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_schema_is_one_and_leaves_nothing_open(name):
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[name])
    found = list(objects(SCHEMAS[name]))
    assert len(found) > 10
    for part in found:
        assert part["additionalProperties"] is False and sorted(part["required"]) == sorted(part["properties"])


@pytest.mark.parametrize("day", ["2026-02-20", "2026-06-08", "2026-07-01", "2026-07-02"])
def test_every_day_of_the_story_is_valid(polled, day):
    document = report(polled, "--as-of", day)
    assert faults(document) == [] and document["now"].startswith("20")


@pytest.mark.parametrize("now", ["2026-07-28T07:00:00Z", "2026-11-21T07:00:00Z"])
def test_after_the_removal_it_is_valid(polled, now):
    document = report(polled, now=now)
    assert faults(document) == [] and document["campaigns"][0]["removed"]


def test_of_one_owner_and_of_several_campaigns_it_is_valid(polled, store):
    owner = next(team["owner"] for team in report(polled)["campaigns"][0]["teams"] if team["owner"])
    notice = report(polled, "--audience", f"owner:{owner}")
    assert faults(notice, "notice") == [] and notice["campaigns"][0]["integrations"]
    campaigns = [{"file": f"builtin:{name}"} for name in ("bitbucket-app-passwords", "bitbucket-ssh-host", "api-token-expiry")]
    service.configuration(store / "duskwatch.toml", store / "duskwatch.toml", campaign=campaigns)
    document = report(store)
    assert faults(document) == [] and len(document["campaigns"]) == 2 and len(document["expiries"]) == 1


def test_of_an_organisation_that_nobody_has_seen_it_is_valid(tmp_path):
    (tmp_path / "duskwatch.toml").write_text('[[log]]\nname = "egress"\npaths = ["none/*.jsonl"]\n')
    (tmp_path / "empty.jsonl").write_text("\n")
    service.command("import", "--format", "json", "empty.jsonl", cwd=tmp_path, expect=(0, 1))
    document = report(tmp_path)
    assert faults(document) == [] and document["campaigns"][0]["integrations"] == []


def test_another_field_or_word_would_be_found(polled):
    document = report(polled)
    document["campaigns"][0]["integrations"][0]["status"] = "gone"
    document["campaigns"][0]["counts"]["more"] = 1
    del document["users"]
    assert len(faults(document)) == 3
