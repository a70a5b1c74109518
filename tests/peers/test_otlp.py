"""An OpenTelemetry receiver gets the metrics, events, logs and traces of `duskwatch run`, by gRPC and by HTTP, with the promised names, and
no person in the metrics."""

import csv
import glob
import json
from collections import Counter
from datetime import datetime, timezone

import pytest

import service
from otlp_receiver import Receiver, unknown_fields

CLOCK = "2026-07-03 07:00:00"
ARRIVAL_SECONDS = 120

# name: (kind, unit, attributes)
CONTRACT = {
    "duskwatch.integrations": ("gauge", "{integration}", {"campaign", "organization", "workspace", "status", "category"}),
    "duskwatch.users.remaining": ("gauge", "{user}", {"campaign", "organization", "workspace"}),
    "duskwatch.overdue": ("gauge", "{integration}", {"campaign"}),
    "duskwatch.unowned": ("gauge", "{integration}", {"campaign"}),
    "duskwatch.returned": ("gauge", "{integration}", {"campaign"}),
    "duskwatch.waivers.expiring": ("gauge", "{integration}", {"campaign"}),
    "duskwatch.authentications": ("sum", "{authentication}", {"organization", "workspace", "credential", "outcome", "grade"}),
    "duskwatch.observed.ratio": ("gauge", "1", {"workspace"}),
    "duskwatch.removal.time": ("gauge", "s", {"campaign"}),
    "duskwatch.freeze.time": ("gauge", "s", {"campaign"}),
    "duskwatch.forecast.remaining": ("gauge", "{integration}", {"campaign", "quantile"}),
    "duskwatch.forecast.zero_probability": ("gauge", "1", {"campaign"}),
    "duskwatch.tokens.expiring": ("gauge", "{token}", {"organization", "within"}),
    "duskwatch.source.last_success.time": ("gauge", "s", {"source"}),
    "duskwatch.source.lag": ("gauge", "s", {"source"}),
    "duskwatch.source.gap": ("gauge", "s", {"source"}),
    "duskwatch.source.requests": ("sum", "{request}", {"source", "status_class"}),
    "duskwatch.source.items": ("sum", "{item}", {"source", "reason"}),
    "duskwatch.source.skipped": ("sum", "{item}", {"source", "reason"}),
    "duskwatch.source.nameless": ("gauge", "{item}", {"source"}),
    "duskwatch.source.budget.used": ("gauge", "1", {"source"}),
    "duskwatch.credential.expiry.time": ("gauge", "s", {"credential"}),
    "duskwatch.deliveries": ("sum", "{delivery}", {"channel", "outcome"}),
    "duskwatch.outbox.pending": ("gauge", "{message}", set()),
    "duskwatch.store.size": ("gauge", "By", set()),
    "duskwatch.store.free": ("gauge", "By", set()),
    "duskwatch.failing.time": ("gauge", "s", {"part"}),
}

# What a service that has polled once has something to say about.
REQUIRED = {
    "duskwatch.integrations", "duskwatch.users.remaining", "duskwatch.overdue", "duskwatch.unowned", "duskwatch.returned",
    "duskwatch.authentications", "duskwatch.removal.time", "duskwatch.freeze.time", "duskwatch.tokens.expiring",
    "duskwatch.source.last_success.time", "duskwatch.source.lag", "duskwatch.source.gap", "duskwatch.source.requests",
    "duskwatch.source.items", "duskwatch.source.skipped", "duskwatch.source.nameless", "duskwatch.source.budget.used",
    "duskwatch.deliveries", "duskwatch.outbox.pending", "duskwatch.store.size", "duskwatch.store.free",
}


def clock_at(moment):
    """The environment that makes a process start at `moment`; its clock moves on from there, its timers are the real ones."""
    libraries = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
    assert libraries, "the Debian package faketime is missing"
    return {"LD_PRELOAD": libraries[0], "FAKETIME": f"@{moment}", "FAKETIME_DONT_FAKE_MONOTONIC": "1", "TZ": "UTC"}


def points(metric):
    return list((metric.gauge if metric.HasField("gauge") else metric.sum).data_points)


def attributes(point):
    return {pair.key: pair.value.string_value for pair in point.attributes}


def events(receiver):
    return [record for _, record in receiver.logs() if record.event_name == "duskwatch.integration.changed"]


@pytest.fixture(scope="module", params=["http", "grpc"])
def received(request, tmp_path_factory):
    """What a service exported that polled a fresh store, to a receiver that was unavailable twice; and its folder. The servers'
    clocks agree with its own."""
    folder = tmp_path_factory.mktemp(f"run-{request.param}")
    with Receiver(refusals=2) as receiver, service.simulated(folder, clock_at(CLOCK)) as organisation:
        config = service.configuration(
            organisation,
            folder / "duskwatch.toml",
            store={"path": "duskwatch.db"},
            csv={"directory": "reports"},
            http={"listen": "127.0.0.1:0"},
            otel={
                "endpoint": receiver.endpoints[request.param], "protocol": request.param, "interval": "1s", "logs": True, "traces": True,
            },
        )
        with service.Service("--config", config, "run", cwd=folder, environment=clock_at(CLOCK), now=None) as running:

            def complete():
                assert running.process.poll() is None, running.output()
                metrics = receiver.metrics()
                whole = REQUIRED <= metrics.keys() and points(metrics["duskwatch.integrations"])
                return whole and events(receiver) and {"round", "judge"} <= {span.name for _, span in receiver.spans()}

            missing = lambda: f"{sorted(REQUIRED - receiver.metrics().keys())}, events or spans\n{running.output()}"  # noqa: E731
            service.eventually(complete, ARRIVAL_SECONDS, missing)
            assert running.stop() == 0, running.output()
        assert receiver.refused == 2, "the receiver was to be unavailable twice"
        yield receiver, folder


def test_every_request_is_as_the_protocol_says(received):
    receiver, _ = received
    assert receiver.problems == []
    for signal in ("metrics", "logs", "traces"):
        requests = receiver.requests(signal)
        assert requests and [unknown_fields(request) for request in requests] == [0] * len(requests), signal
    metrics = [resource.resource for request in receiver.requests("metrics") for resource in request.resource_metrics]
    for resource in metrics + [resource for resource, _ in receiver.logs() + receiver.spans()]:
        named = attributes(resource)
        assert named["service.name"] == "duskwatch" and named.keys() == {"service.name", "service.version", "service.instance.id"}


def test_names_kinds_units_and_attributes_are_the_promised_ones(received):
    receiver, _ = received
    metrics = receiver.metrics()
    shapes = {name: (metric.WhichOneof("data"), metric.unit) for name, metric in metrics.items()}
    assert shapes == {name: CONTRACT.get(name, ("not promised", ""))[:2] for name in metrics}
    for name, metric in metrics.items():
        assert metric.description, f"{name} has no description"
        for point in points(metric):
            assert attributes(point).keys() == CONTRACT[name][2], name


def test_nothing_is_told_to_fail_but_the_export_itself(received):
    receiver, _ = received
    failing = receiver.metrics().get("duskwatch.failing.time")
    assert failing is None or [attributes(point) for point in points(failing)] == [{"part": "otel"}]


def test_integrations_are_told_apart_by_status_and_category(received):
    receiver, _ = received
    found = [attributes(point) for point in points(receiver.metrics()["duskwatch.integrations"])]
    assert all(point.keys() == CONTRACT["duskwatch.integrations"][2] for point in found)
    assert len({point["status"] for point in found}) >= 2
    assert {point["status"] for point in found} <= {"active", "failing", "migrating", "stale", "quiet", "migrated", "retired"}


def test_authentications_only_ever_grow(received):
    receiver, _ = received
    counter = receiver.metrics()["duskwatch.authentications"].sum
    assert counter.is_monotonic
    assert counter.aggregation_temporality == 2, "cumulative"
    assert sum(point.as_int or point.as_double for point in counter.data_points) > 0


def test_the_dates_are_those_of_the_campaign(received):
    receiver, _ = received
    days = {"duskwatch.freeze.time": datetime(2025, 9, 9), "duskwatch.removal.time": datetime(2026, 7, 28)}
    for name, day in days.items():
        [point] = points(receiver.metrics()[name])
        assert (point.as_int or point.as_double) == day.replace(tzinfo=timezone.utc).timestamp(), name


def test_no_attribute_names_a_person_an_address_or_a_repository(received):
    receiver, folder = received
    service.command("--config", folder / "duskwatch.toml", "export", "--output", folder / "package", cwd=folder)
    with open(folder / "package" / "latest" / "integrations.csv", newline="") as rows:
        integrations = list(csv.DictReader(rows))
    columns = ("user", "user_name", "user_email")
    personal = {row[column] for row in integrations for column in columns} | {
        name for row in integrations for name in row["repositories"].split(";")
    }
    values = {value for metric in receiver.metrics().values() for point in points(metric) for value in attributes(point).values()}
    assert integrations, "nothing to compare with"
    assert values & (personal - {""}) == set()
    assert [value for value in values if "@" in value] == []


def test_a_service_ends_in_time_while_the_receiver_refuses(simulator, tmp_path):
    with Receiver(refusals=10**9) as receiver:
        config = service.configuration(
            simulator,
            tmp_path / "duskwatch.toml",
            store={"path": "duskwatch.db"},
            csv={"directory": ""},
            http={"listen": "127.0.0.1:0"},
            otel={"endpoint": receiver.endpoints["http"], "protocol": "http", "interval": "1s"},
        )
        with service.Service("--config", config, "run", cwd=tmp_path, environment=clock_at(CLOCK), now=None) as running:
            service.eventually(lambda: receiver.refused, ARRIVAL_SECONDS, "an export")
            assert running.stop() == 0, running.output()


def test_each_change_of_status_is_an_event_once(received):
    receiver, folder = received
    told = [attributes(event) for event in events(receiver)]
    assert told and all(event["campaign"] and event["date"] and event["reason"] for event in told)
    # What the last judgement before the stop found may wait for the next start.
    assert Counter(map(change, told)) - changes(folder) == Counter()


def change(row):
    return (row["integration"], row.get("from", ""), row.get("to", ""), row["cause"])


def changes(folder):
    """What the CSV package of the store in a folder says of changes."""
    service.command("--config", folder / "duskwatch.toml", "export", "--output", folder / "package", cwd=folder)
    with open(folder / "package" / "latest" / "changes.csv", newline="") as rows:
        return Counter(map(change, csv.DictReader(rows)))


def test_a_round_is_one_trace_from_the_fetch_to_the_judgement(received):
    receiver, _ = received
    spans = {span.span_id: span for _, span in receiver.spans()}
    judged = [span for span in spans.values() if span.name == "judge" and span.parent_span_id in spans]
    assert judged, sorted({span.name for span in spans.values()})
    whole = 0
    for judge in judged:
        names = {span.name for span in spans.values() if span.trace_id == judge.trace_id}
        whole += {"round", "fetch", "record", "judge", "deliver"} <= names
    assert whole, [span.name for span in spans.values()]


def test_the_log_of_the_service_arrives_too_and_none_of_its_libraries(received):
    receiver, _ = received
    own = [record for _, record in receiver.logs() if record.event_name != "duskwatch.integration.changed"]
    assert "the page is served" in {record.body.string_value for record in own}
    assert {record.severity_text for record in own} <= {"INFO", "WARN", "ERROR"}


def test_counters_go_on_after_a_restart_as_the_same_counters(simulator, tmp_path):
    seen = []
    for start in (CLOCK, "2026-07-03 07:30:00"):
        with Receiver() as receiver:
            config = service.configuration(
                simulator,
                tmp_path / "duskwatch.toml",
                store={"path": "duskwatch.db"},
                csv={"directory": ""},
                http={"listen": "127.0.0.1:0"},
                otel={"endpoint": receiver.endpoints["http"], "protocol": "http", "interval": "1s"},
            )
            with service.Service("--config", config, "run", cwd=tmp_path, environment=clock_at(start), now=None) as running:
                counted = lambda: sum(total for _, total in counter(receiver, "duskwatch.source.items"))  # noqa: E731
                service.eventually(counted, ARRIVAL_SECONDS, lambda: f"items\n{running.output()}")
                assert running.stop() == 0, running.output()
            seen.append(counter(receiver, "duskwatch.source.items"))
    before, after = ({began for began, _ in points} for points in seen)
    assert before == after and len(before) == 1, "it began with the store"
    assert sum(total for _, total in seen[1]) >= sum(total for _, total in seen[0])


def counter(receiver, name):
    metric = receiver.metrics().get(name)
    return [(point.start_time_unix_nano, point.as_int) for point in metric.sum.data_points] if metric else []


def test_events_wait_for_a_collector_that_is_away(simulator, tmp_path):
    with Receiver() as receiver:
        endpoint = receiver.endpoints["http"]
    config = service.configuration(
        simulator, tmp_path / "duskwatch.toml", store={"path": "duskwatch.db"}, csv={"directory": ""},
        http={"listen": "127.0.0.1:0"}, otel={"endpoint": endpoint, "protocol": "http", "interval": "1s"},
    )
    service.command("--config", config, "poll", cwd=tmp_path)
    found = changes(tmp_path)
    with Receiver() as receiver:
        service.configuration(config, config, otel={"endpoint": receiver.endpoints["http"], "protocol": "http", "interval": "1s"})
        with service.Service("--config", config, "run", cwd=tmp_path, environment=clock_at(CLOCK), now=None) as running:
            told = lambda: Counter(change(attributes(event)) for event in events(receiver))  # noqa: E731
            service.eventually(lambda: found - told() == Counter(), ARRIVAL_SECONDS, lambda: f"the changes of the poll\n{running.output()}")
            assert running.stop() == 0, running.output()
    assert max(told().values()) == 1


def test_a_line_of_the_log_is_one_json_object_with_stable_keys(simulator, tmp_path):
    config = service.configuration(
        simulator, tmp_path / "duskwatch.toml", store={"path": "duskwatch.db"}, csv={"directory": ""}, http={"listen": "127.0.0.1:0"}
    )
    with service.Service("--log-format", "json", "--config", config, "run", cwd=tmp_path, now=None) as running:
        running.wait_for("the page is served")
        assert running.stop() == 0, running.output()
    lines = [json.loads(line) for line in running.output().splitlines()]
    assert all({"timestamp", "level", "message", "target"} <= line.keys() for line in lines)
    [served] = [line for line in lines if line["message"] == "the page is served"]
    assert served["level"] == "INFO" and served["address"].startswith("127.0.0.1:")
