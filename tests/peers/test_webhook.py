"""Webhooks and alarms of a running service: the reference library verifies them, the manual's receiver passes them on."""

import base64
import json
import socket
import sqlite3
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

import service
from smtp_servers import Recorder

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
TOKEN = "a token of a sender"
ENVIRONMENT = {"HOOK": SECRET, "SENDER": TOKEN, "KEY": "a key"}
ARRIVAL_SECONDS = 90


class Listener:
    """Remembers every request as headers (in lower case) and body, and answers each with `status` and `content`."""

    def __init__(self, status=204, content=b""):
        self.status, self.content, self.received = status, content, []

    def __enter__(self):
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                listener.received.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(listener.status)
                self.send_header("content-length", str(len(listener.content)))
                self.end_headers()
                self.wfile.write(listener.content)

            do_GET = do_POST

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hooks/a-secret-path"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()

    def events(self, kind):
        return [event for event in (json.loads(body) for _, body in self.received) if event["type"] == kind]


def evidence(user):
    """Five days of an app password at work, the last of them today."""
    now = datetime.now(timezone.utc)
    line = {
        "username": user, "secret_prefix": "ATBB", "scheme": "basic", "host": "bitbucket.org", "method": "GET", "status": 200,
        "path": "/acme/payments-api.git/info/refs", "user_agent": "git/2.45.1", "job": f"job-of-{user}",
    }
    days = [now - timedelta(days=days, minutes=5) for days in range(4, -1, -1)]
    return "\n".join(json.dumps(line | {"time": day.isoformat()}) for day in days).encode()


def push(address, user):
    request = urllib.request.Request(f"http://{address}/v1/evidence", evidence(user), {"authorization": f"Bearer {TOKEN}"})
    assert json.load(urllib.request.urlopen(request))["recorded"] == 5


def configure(folder, *sections):
    config = folder / "duskwatch.toml"
    config.write_text(
        '[http]\nlisten = "127.0.0.1:0"\n[[http.intake]]\nname = "ci"\ntoken = "env:SENDER"\n[csv]\ndirectory = ""\n' + "\n".join(sections)
    )
    return config


def running(folder, config):
    return service.Service("--config", config, "run", cwd=folder, environment=ENVIRONMENT, now=None)


def address_of(run):
    return run.wait_for(r"address=(127\.0\.0\.1:\d+)")[1]


def ask(address, path):
    """What a path answers; also that there is nothing yet."""
    try:
        return urllib.request.urlopen(f"http://{address}{path}").read().decode()
    except urllib.error.HTTPError as error:
        return error.read().decode()


def judged(address, user):
    """Waits until the page knows of a user."""
    service.eventually(lambda: user in ask(address, "/report.json"), ARRIVAL_SECONDS, f"{user} on the page")


@pytest.fixture
def receiver(tmp_path):
    """The manual's receiver, with a chat room and a tracker behind it: its address, and what both got."""
    with Listener(200) as chat, Listener(201) as tracker:
        settings = {
            "DUSKWATCH_WEBHOOK_SECRET": SECRET, "LISTEN_PORT": "0", "CHAT_URL": chat.url, "TICKET_URL": tracker.url, "TICKET_TOKEN": "t",
        }
        script = service.Service(cwd=tmp_path, environment=settings)
        script.line = [sys.executable, str(service.ROOT / "deploy/webhook/receiver.py")]
        with script:
            yield f"http://{script.wait_for(r'listening on (.*)')[1]}/", chat, tracker


def test_a_change_of_status_is_told_signed_and_passed_on(tmp_path, receiver):
    url, chat, tracker = receiver
    with Listener() as listener:
        config = configure(tmp_path, *[f'[[webhook]]\nurl = "{where}"\nsecret = "env:HOOK"' for where in (listener.url, url)])
        with running(tmp_path, config) as run:
            address = address_of(run)
            push(address, "ursula.k")
            judged(address, "ursula.k")
            assert listener.received == [], "what a first judgement finds is the beginning"
            push(address, "viktor.m")
            service.eventually(lambda: listener.received and chat.received and tracker.received, ARRIVAL_SECONDS, "the change")
            metrics = ask(address, "/metrics")
            assert run.stop() == 0 and "a-secret-path" not in run.output() and SECRET not in run.output()
        headers, body = listener.received[0]
        event = Webhook(SECRET).verify(body, headers)
        with pytest.raises(WebhookVerificationError):
            Webhook(SECRET).verify(body + b" ", headers)
    assert event["type"] == "integration.changed" and event["data"]["cause"] == "discovered"
    assert event["data"]["row"]["user"] == "name:viktor.m" and event["data"]["row"]["grade"] == "proven"
    assert "git command line of nobody" in json.loads(chat.received[0][1])["text"]
    ticket, headers = json.loads(tracker.received[0][1])["fields"], tracker.received[0][0]
    assert "API token" in ticket["description"] and headers["authorization"] == "Bearer t"
    assert 'channel="webhook"' in metrics


def test_a_message_waits_for_its_receiver_under_one_id(tmp_path):
    with Listener(503) as listener:
        config = configure(tmp_path, f'[[webhook]]\nurl = "{listener.url}"\nsecret = "env:HOOK"')
        with running(tmp_path, config) as run:
            address = address_of(run)
            push(address, "ursula.k")
            judged(address, "ursula.k")
            push(address, "viktor.m")
            service.eventually(lambda: listener.received, ARRIVAL_SECONDS, "the first attempt")
            run.stop()
        listener.status = 200
        done = service.command("--config", config, "send", cwd=tmp_path, environment=ENVIRONMENT, now=None)
        assert "webhooks: delivered to 1, not delivered to 0" in done.stdout
        ids = {headers["webhook-id"] for headers, _ in listener.received}
        assert len(listener.received) >= 2 and len(ids) == 1 and len({body for _, body in listener.received}) == 1


def test_the_receiver_believes_nobody_else(receiver):
    url, chat, _ = receiver
    body = json.dumps({"type": "alarm.begun", "data": {"title": "x", "reason": "y", "until": None}})
    now = datetime.now(timezone.utc)

    def status(secret=SECRET, at=now, sent=body):
        signature = Webhook(secret).sign("msg_1", at, body)
        headers = {"webhook-id": "msg_1", "webhook-timestamp": str(int(at.timestamp())), "webhook-signature": signature}
        try:
            return urllib.request.urlopen(urllib.request.Request(url, sent.encode(), headers)).status
        except urllib.error.HTTPError as error:
            return error.code

    assert status(secret="whsec_" + base64.b64encode(bytes(32)).decode()) == 401
    assert status(at=now - timedelta(minutes=10)) == 401
    assert status(sent=body + " ") == 401 and chat.received == []
    assert [status(), status()] == [204, 204] and len(chat.received) == 1, "twice the same is once"

def answer(url, *head, body=b""):
    """The status with which a raw request is answered within some seconds; none when nothing came, or it was hung up on."""
    where = urllib.parse.urlsplit(url)
    with socket.create_connection((where.hostname, where.port), timeout=20) as connection:
        connection.sendall("\r\n".join(["POST / HTTP/1.1", "host: hooks.example.test", *head, "", ""]).encode() + body)
        first = connection.makefile("rb").readline().split()
        return int(first[1]) if first else None


def test_the_receiver_reads_no_more_than_it_was_promised_and_waits_for_nobody(receiver):
    url, chat, _ = receiver
    for length in ("-1", "1048577", "99999999999999999999", "ten", "+1", "1_0"):
        assert answer(url, f"content-length: {length}") == 413, length
    assert answer(url) == 413, "a body without a length is none"
    assert answer(url, "content-length: 1048576", body=b"x") is None, "it was hung up on"
    assert chat.received == []


def test_nothing_that_stands_in_a_name_commands_the_chat_room(receiver):
    url, chat, tracker = receiver
    reason = "<!channel> read <https://evil.example.test|this> & that"
    body = json.dumps({"type": "alarm.begun", "data": {"title": "<@U1>", "reason": reason, "until": None}})
    now = datetime.now(timezone.utc)
    signature = Webhook(SECRET).sign("msg_2", now, body)
    headers = {"webhook-id": "msg_2", "webhook-timestamp": str(int(now.timestamp())), "webhook-signature": signature}
    assert urllib.request.urlopen(urllib.request.Request(url, body.encode(), headers)).status == 204
    text = json.loads(chat.received[0][1])["text"]
    assert text == "Alarm: &lt;@U1&gt;. &lt;!channel&gt; read &lt;https://evil.example.test|this&gt; &amp; that"
    assert reason in json.loads(tracker.received[0][1])["fields"]["summary"], "a tracker gets it as it is"


def test_a_source_that_is_refused_is_an_alarm_once_and_its_end_is_told(tmp_path):
    refused = json.dumps({"message": "Unauthorized"}).encode()
    with Listener(401, refused) as atlassian, Listener() as hook, Recorder() as server:
        base = atlassian.url.rpartition("/hooks/")[0]
        organization = f'[[organization]]\nname = "acme"\nid = "0f1e2d3c"\napi_url = "{base}"\napi_key = "env:KEY"'
        email = f'[email]\nserver = "smtp+plain://127.0.0.1:{server.port}"\nfrom = "duskwatch@example.test"\n'
        recipient = '[[email.recipient]]\naddress = "security@example.test"\n'
        config = configure(tmp_path, organization, f'[[webhook]]\nurl = "{hook.url}"\nsecret = "env:HOOK"', email + recipient)
        with running(tmp_path, config) as run:
            service.eventually(lambda: len(hook.received) >= 2 and server.received, ARRIVAL_SECONDS, run.output)
            run.stop()
        begun = hook.events("alarm.begun")
        assert sorted(event["data"]["about"] for event in begun) == ["audit/acme", "tokens/acme"]
        assert all("401" in event["data"]["reason"] and "organization.acme.api_key" in event["data"]["reason"] for event in begun)
        told = len(server.received)
        atlassian.status, atlassian.content = 200, json.dumps({"data": [], "links": {}, "meta": {}}).encode()
        with running(tmp_path, config) as run:
            service.eventually(lambda: hook.events("alarm.over"), ARRIVAL_SECONDS, run.output)
            service.eventually(lambda: len(server.received) > told, ARRIVAL_SECONDS, run.output)
            run.stop()
        assert len(hook.events("alarm.begun")) == 2, "a restart tells nothing again"
        assert {event["data"]["about"] for event in hook.events("alarm.over")} <= {"audit/acme", "tokens/acme"}
        assert all(event["data"]["until"] > event["data"]["since"] for event in hook.events("alarm.over"))


def test_a_store_that_takes_nothing_is_an_alarm_though_nothing_can_be_recorded(tmp_path):
    with Listener() as hook, Recorder() as server:
        log = '[[log]]\nname = "egress"\npaths = ["egress.jsonl"]\n[schedule]\nlogs = "1s"'
        email = f'[email]\nserver = "smtp+plain://127.0.0.1:{server.port}"\nfrom = "duskwatch@example.test"\n'
        recipient = '[[email.recipient]]\naddress = "security@example.test"\n'
        config = configure(tmp_path, log, f'[[webhook]]\nurl = "{hook.url}"\nsecret = "env:HOOK"', email + recipient)
        (tmp_path / "egress.jsonl").write_text("")
        with running(tmp_path, config) as run:
            address = address_of(run)
            service.eventually(lambda: "Ready" in ask(address, "/readyz"), ARRIVAL_SECONDS, run.output)
            with sqlite3.connect(tmp_path / "duskwatch.db", timeout=30) as store:
                for action in ("INSERT", "UPDATE"):
                    store.execute(f"CREATE TRIGGER refuse_{action} BEFORE {action} ON source BEGIN SELECT RAISE(ABORT, 'the disk says no'); END")
            store.close()
            service.eventually(lambda: server.received and hook.received, ARRIVAL_SECONDS, run.output)
            today = datetime.now(timezone.utc).date().isoformat()
            mail = server.received[0][-1]
            assert f"Message-ID: <duskwatch.alarm.store.{today}@example.test>".encode() in mail.replace(b"Message-Id", b"Message-ID")
            assert hook.received[0][0]["webhook-id"] == f"msg_store.{today}"
            assert "the disk says no" in hook.events("alarm.begun")[0]["data"]["reason"]
            with sqlite3.connect(tmp_path / "duskwatch.db", timeout=30) as store:
                for action in ("INSERT", "UPDATE"):
                    store.execute(f"DROP TRIGGER refuse_{action}")
            store.close()
            service.eventually(lambda: hook.events("alarm.over"), ARRIVAL_SECONDS, run.output)
            service.eventually(lambda: len(server.received) == 2, ARRIVAL_SECONDS, run.output)
            run.stop()
        assert len(hook.events("alarm.begun")) == 1
