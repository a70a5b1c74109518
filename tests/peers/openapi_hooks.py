"""What schemathesis sends as the lines of a sender: evidence, other JSON, and what is none."""

import json

import schemathesis
from hypothesis import strategies

USES = strategies.fixed_dictionaries({
    "time": strategies.just("2026-07-03T06:07:12Z"), "host": strategies.sampled_from(["bitbucket.org", "api.bitbucket.org", "example.test"]),
    "path": strategies.text(max_size=40), "status": strategies.integers(0, 999), "username": strategies.text(max_size=20),
})
LINES = strategies.lists(
    strategies.one_of(USES.map(json.dumps), strategies.dictionaries(strategies.text(max_size=8), strategies.text(max_size=8)).map(json.dumps)),
    min_size=1, max_size=20,
)

schemathesis.openapi.media_type("application/x-ndjson", LINES.map("\n".join).map(str.encode))
