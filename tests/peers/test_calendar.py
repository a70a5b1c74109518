"""The calendar, as a strict parser reads it: from the demo, and from a service whose removal date moves."""

import urllib.error
import urllib.request
from datetime import datetime, timezone

import pytest
from icalendar import Calendar

import service

CATEGORIES = {"BROWNOUT", "REMOVAL", "LATEST SAFE START", "EXPIRY"}


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    folder = tmp_path_factory.mktemp("calendar")
    service.command("demo", "--once", "--size", "small", "--dir", folder / "demo", cwd=folder)
    return (folder / "demo/calendar.ics").read_bytes()


def events(text):
    return {str(event["uid"]): event for event in Calendar.from_ical(text).walk("VEVENT")}


def category(event):
    [name] = event["categories"].cats
    return str(name)


def test_lines_are_folded_and_ended_as_the_standard_says(text):
    lines = text.split(b"\r\n")
    assert lines[0] == b"BEGIN:VCALENDAR" and lines[-2:] == [b"END:VCALENDAR", b""]
    assert max(map(len, lines)) <= 75 and not any(b"\n" in line or b"\r" in line for line in lines)
    text.decode("utf-8")
    for line in lines:
        line.decode("utf-8")


def test_the_parser_finds_no_fault_and_every_event_is_whole(text):
    calendar = Calendar.from_ical(text)
    assert calendar["version"] == "2.0" and calendar["prodid"] and calendar["method"] == "PUBLISH" and not calendar.errors
    found = calendar.walk("VEVENT")
    assert len(found) > 50 and len(events(text)) == len(found)
    for event in found:
        assert not event.errors
        assert event["uid"].endswith("@duskwatch") and event["sequence"] == 0 and event["summary"] and event["description"]
        for name in ("dtstamp", "dtstart"):
            assert event[name].dt.tzinfo is not None and event[name].dt.utcoffset().total_seconds() == 0
        assert ("dtend" in event) == (category(event) == "BROWNOUT") and category(event) in CATEGORIES
    assert {category(event) for event in found} == CATEGORIES


def test_the_dates_are_those_of_the_campaign(text):
    found = events(text)
    removal = found["removal.bitbucket-app-passwords@duskwatch"]
    assert removal["dtstart"].dt == datetime(2026, 7, 28, tzinfo=timezone.utc)
    starts = [event["dtstart"].dt for event in found.values() if category(event) == "LATEST SAFE START"]
    assert len(starts) > 2 and max(starts) <= removal["dtstart"].dt
    windows = [event for event in found.values() if category(event) == "BROWNOUT"]
    assert all(event["dtend"].dt > event["dtstart"].dt for event in windows)


def test_a_date_that_moves_is_told_by_a_higher_sequence_under_the_same_uid(tmp_path):
    def told(removal):
        config = tmp_path / "duskwatch.toml"
        config.write_text(
            '[http]\nlisten = "127.0.0.1:0"\n[[http.intake]]\nname = "ci"\ntoken = "env:SENDER"\n[csv]\ndirectory = ""\n'
            f'[[campaign]]\nfile = "builtin:bitbucket-ssh-host"\nremoval = "{removal}"\n'
        )
        with service.Service("--config", config, "run", cwd=tmp_path, environment={"SENDER": "x"}, now=None) as run:
            address = run.wait_for(r"address=(127\.0\.0\.1:\d+)")[1]

            def calendar():
                try:
                    return urllib.request.urlopen(f"http://{address}/calendar.ics").read()
                except urllib.error.HTTPError as error:
                    assert error.code == 503

            found = events(service.eventually(calendar, service.START_SECONDS, "the calendar"))
            run.stop()
        return found["removal.bitbucket-ssh-host@duskwatch"]

    first, same, moved = told("2027-11-12"), told("2027-11-12"), told("2027-12-01")
    assert first.to_ical() == same.to_ical()
    assert (moved["sequence"], moved["dtstart"].dt) == (1, datetime(2027, 12, 1, tzinfo=timezone.utc))
    assert moved["dtstamp"].dt >= first["dtstamp"].dt
    assert told("2027-12-01")["sequence"] == 1
