"""The manual's log forwarders: Vector's program is run by Vector's own language, Fluent Bit's settings are read and followed, and
what they send is recorded by `duskwatch run`."""

import base64
import gzip
import json
import re
import urllib.request
from datetime import datetime, timezone

import pytest
import yaml
from vrl_python import VRLRuntime

import service

MANUAL = (service.ROOT / "deploy" / "README.md").read_text()
TOKEN = "a token of a forwarder"

# What one request may hold (manual, "Intake").
UNPACKED_BYTES, LINES = 16 << 20, 16_384

# The options that the snippet may use, as https://docs.fluentbit.io/manual names them in its classic configuration.
FLUENT_BIT = {
    "SERVICE": {"parsers_file"},
    "INPUT tail": {"name", "path", "db", "parser", "tag"},
    "FILTER modify": {"name", "match", "rename"},
    "OUTPUT http": {
        "name", "match", "host", "port", "tls", "uri", "format", "json_date_key", "compress", "http_user", "http_passwd", "retry_limit",
    },
}


def block(language, beginning):
    found = [text for text in re.findall(rf"```{language}\n(.*?)```", MANUAL, re.DOTALL) if text.startswith(beginning)]
    assert len(found) == 1, f"blocks of {language} in the manual that begin with {beginning}: {len(found)}"
    return found[0]


def proxy_line(user, status):
    """A line as the manual's proxy writes it, of this moment."""
    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "ts": now, "src": "198.51.100.7", "user": user, "auth_scheme": "basic", "agent": "git/2.45.1", "host": "bitbucket.org",
        "method": "GET", "path": "/acme/web.git/info/refs", "status": status,
    }


@pytest.fixture(scope="module")
def intake(tmp_path_factory):
    """Sends a body to a running service as a forwarder would, and returns the receipt."""
    folder = tmp_path_factory.mktemp("forwarders")
    config = folder / "duskwatch.toml"
    config.write_text(
        '[http]\nlisten = "127.0.0.1:0"\n[[http.intake]]\nname = "forwarder"\ntoken = "env:FORWARDER"\n[csv]\ndirectory = ""\n'
    )
    with service.Service("--config", config, "run", cwd=folder, environment={"FORWARDER": TOKEN}, now=None) as running:
        address = running.wait_for(r"address=(127\.0\.0\.1:\d+)")[1]

        def send(path, events, authorization):
            lines = "\n".join(json.dumps(event) for event in events)
            headers = {"Content-Encoding": "gzip", "Authorization": authorization}
            request = urllib.request.Request(f"http://{address}{path}", gzip.compress(lines.encode()), headers)
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)

        yield send
        assert running.stop() == 0, running.output()


def test_vector_sends_what_the_proxy_wrote(intake):
    settings = yaml.safe_load(block("yaml", "sources:"))
    transform, sink = settings["transforms"]["evidence"], settings["sinks"]["duskwatch"]
    assert (transform["inputs"], sink["inputs"]) == (["egress"], ["evidence"])
    assert (sink["method"], sink["encoding"]["codec"], sink["framing"]["method"]) == ("post", "json", "newline_delimited")
    assert sink["batch"]["max_bytes"] < UNPACKED_BYTES and sink["batch"]["max_events"] < LINES
    assert sink["auth"] == {"strategy": "bearer", "token": "${DUSKWATCH_INTAKE_TOKEN}"} and sink["compression"] == "gzip"

    vector = VRLRuntime()
    written = [proxy_line("mtessel", 410), proxy_line("", 200), {**proxy_line("ada", 401), "user": None}]
    read = [{"message": json.dumps(line), "file": "/var/log/egress/bitbucket.jsonl", "host": "proxy1"} for line in written]
    events = [vector.execute(transform["source"], event).processed_event for event in read]
    assert intake(sink["uri"].removeprefix("https://duskwatch.example.test"), events, f"Bearer {TOKEN}") == {
        "lines": 3, "recorded": 3, "repeated": 0, "skipped": 0, "refused": [],
    }
    with pytest.raises(Exception, match="unable to parse json"):
        vector.execute(transform["source"], {"message": "no JSON"})
    assert transform["drop_on_error"] is True, "what is no JSON would be sent as Vector read it"


def test_fluent_bit_sends_what_the_proxy_wrote(intake):
    sections, names = [], {}
    for line in filter(str.strip, block("ini", "[SERVICE]").splitlines()):
        if line.startswith("["):
            names = {"": line.strip("[]")}
            sections.append(names)
        else:
            key, value = line.split(None, 1)
            names.setdefault(key.lower(), []).append(value)
    sections = {" ".join([names.pop(""), *names.get("name", [])]): names for names in sections}
    assert sections.keys() == FLUENT_BIT.keys()
    for section, options in sections.items():
        assert options.keys() <= FLUENT_BIT[section], section
    output = {key: values[0] for key, values in sections["OUTPUT http"].items()}
    assert (output["format"], output["json_date_key"], output["compress"]) == ("json_lines", "false", "gzip")
    assert sections["INPUT tail"]["tag"] == sections["FILTER modify"]["match"] == [output["match"]]

    renamed = dict(rename.split() for rename in sections["FILTER modify"]["rename"])
    event = {renamed.get(key, key): value for key, value in proxy_line("mtessel", 410).items()}
    user = f"{output['http_user']}:{TOKEN}"
    receipt = intake(output["uri"], [event], "Basic " + base64.b64encode(user.encode()).decode())
    assert receipt["recorded"] == 1, receipt
    assert {"time", "client_ip", "username", "scheme", "user_agent"} <= event.keys(), "the proxy's names are not all translated"
