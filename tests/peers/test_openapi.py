"""The description of the routes is what the service does: schemathesis asks what it allows, and much of what it does not, of a running
service, and judges every answer."""

import os
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

import service

DESCRIPTION = service.ROOT / "config" / "http.openapi.json"
PAGE, SENDER = "a token of the page", "a token of a sender"
RUN_SECONDS = 150
READY_SECONDS = 120
EXAMPLES = "12"

# Left to src/serve/tests/strangers.rs: a wrong token counts against the caller's address, and here all callers are one.
LEFT_OUT = "ignored_auth"


@pytest.fixture
def base(store):
    """The address of a service that shows a polled store."""
    secrets = {"page": PAGE, "sender": SENDER}
    for name, secret in secrets.items():
        (store / f"{name}.secret").write_text(secret)
    http = {
        "listen": "127.0.0.1:0", "token": f"file:{store / 'page.secret'}",
        "intake": [{"name": "ci", "token": f"file:{store / 'sender.secret'}"}],
    }
    path = service.configuration(store / "duskwatch.toml", store / "served.toml", http=http, organization=[], log=[])
    with service.Service("--config", path, "run", cwd=store, now=None) as running:
        url = f"http://{running.wait_for(r'address=(127[.]0[.]0[.]1:[0-9]+)')[1]}"
        service.eventually(lambda: answers(f"{url}/report.json"), READY_SECONDS, "the first report")
        yield url
        assert running.stop() == 0, running.output()[-2_000:]


def answers(url):
    request = urllib.request.Request(url, headers={"authorization": f"Bearer {PAGE}"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status == 200
    except urllib.error.HTTPError:
        return False


def schemathesis(folder, base, token, *arguments):
    """Runs it to its end; its words, and whether it found nothing."""
    line = [
        sys.executable, "-m", "schemathesis.cli", "run", str(DESCRIPTION), "--url", base, "-H", f"Authorization: Bearer {token}",
        "--checks", "all", "--exclude-checks", LEFT_OUT, "--max-examples", EXAMPLES, "--seed", "7", "--no-color",
        "--phases", "examples,coverage,fuzzing", "--generation-database", "none", "--suppress-health-check", "all", *arguments,
    ]
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": "openapi_hooks", "PYTHONPATH": str(service.ROOT / "tests" / "peers")}
    done = subprocess.run(line, cwd=folder, env=environment, capture_output=True, text=True, timeout=RUN_SECONDS)
    return done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("token", "arguments"),
    [(PAGE, ("--exclude-path", "/v1/evidence")), (SENDER, ("--include-path", "/v1/evidence", "--rate-limit", "10/s"))],
    ids=["page", "intake"],
)
def test_nothing_is_answered_otherwise_than_described(base, tmp_path, token, arguments):
    sound, said = schemathesis(tmp_path, base, token, *arguments)
    assert sound, said[-8_000:]
    assert SENDER not in said or token == SENDER
