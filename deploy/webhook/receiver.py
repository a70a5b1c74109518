#!/usr/bin/env python3
"""Takes what duskwatch tells a webhook, and passes it on: every message to a chat room, what somebody has to act on to a ticket.

Python's standard library is enough. Settings come from the environment:

  DUSKWATCH_WEBHOOK_SECRET  the secret of the [[webhook]] section: whsec_…
  LISTEN_PORT               on 127.0.0.1 (8377); put a reverse proxy with TLS in front of it when duskwatch runs elsewhere
  CHAT_URL                  an incoming webhook that takes {"text": …}; nothing is posted without it
  TICKET_URL, TICKET_TOKEN  where an issue is created as Jira does it, and the bearer token for that; no ticket without them
  TICKET_PROJECT            the project's key (OPS)
"""

import base64
import hashlib
import hmac
import html
import json
import os
import time
import urllib.request
from collections import OrderedDict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

OLDEST_SECONDS = 300  # An older message is one that somebody sends again.
LONGEST_BYTES = 1 << 20
SLOWEST_SECONDS = 5  # Without a byte, from somebody who is not known yet.
REMEMBERED = 10_000

KEY = base64.b64decode(os.environ["DUSKWATCH_WEBHOOK_SECRET"].removeprefix("whsec_"))
seen = OrderedDict()


def is_genuine(headers, body):
    """Whether the message is signed with our secret, and fresh."""
    message, sent, signatures = (headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
    if not sent.isdigit() or abs(time.time() - int(sent)) > OLDEST_SECONDS:
        return False
    expected = base64.b64encode(hmac.new(KEY, f"{message}.{sent}.".encode() + body, hashlib.sha256).digest()).decode()
    return any(hmac.compare_digest(f"v1,{expected}", signature) for signature in signatures.split())


def words(event):
    """One line for people."""
    data = event["data"]
    if event["type"].startswith("alarm."):
        return f"{'Over' if data['until'] else 'Alarm'}: {data['title']}. {data['reason']}"
    row = data["row"] or {}
    client = row.get("client_name", "an integration").split(",")[0]
    what = f"{client} of {row.get('owner') or 'nobody'} ({data['integration']})"
    return f"{what}: {data['from'] or 'new'} → {data['to'] or 'gone'}, {data['reason']}"


def needs_a_ticket(event):
    """What somebody has to act on: an alarm, something new to migrate, something that fails now."""
    data = event["data"]
    return event["type"] == "alarm.begun" or data.get("cause") == "discovered" or data.get("to") == "failing"


def post(url, content, **headers):
    request = urllib.request.Request(url, json.dumps(content).encode(), {"content-type": "application/json", **headers})
    urllib.request.urlopen(request, timeout=10).close()


def pass_on(event):
    if url := os.environ.get("CHAT_URL"):
        # Angle brackets call a whole room, or hide where a link leads.
        post(url, {"text": html.escape(words(event), quote=False)})
    if (url := os.environ.get("TICKET_URL")) and needs_a_ticket(event):
        row = event["data"].get("row") or {}
        fields = {
            "project": {"key": os.environ.get("TICKET_PROJECT", "OPS")},
            "issuetype": {"name": "Task"},
            "summary": words(event)[:250],
            "description": "\n".join(filter(None, [row.get("advice"), event["data"].get("todo"), row.get("documentation")])),
            "labels": ["duskwatch"],
        }
        post(url, {"fields": fields}, authorization=f"Bearer {os.environ.get('TICKET_TOKEN', '')}")


def promised(headers):
    """How many bytes the body will have; none when that is no number, or more than we take."""
    length = headers.get("content-length", "")
    plain = length.isascii() and length.isdigit() and len(length) < 10
    return int(length) if plain and int(length) <= LONGEST_BYTES else None


class Receiver(BaseHTTPRequestHandler):
    timeout = SLOWEST_SECONDS

    def do_POST(self):
        length = promised(self.headers)
        if length is None:
            return self.answer(413)
        body = self.rfile.read(length)
        if not is_genuine(self.headers, body):
            return self.answer(401)
        message = self.headers["webhook-id"]
        # The same message comes again when our answer was lost.
        if message not in seen:
            try:
                pass_on(json.loads(body))
            except OSError as error:
                print(f"not passed on, it will come again: {error}", flush=True)
                return self.answer(502)
            seen[message] = True
            if len(seen) > REMEMBERED:
                seen.popitem(last=False)
        self.answer(204)

    def answer(self, status):
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("LISTEN_PORT", "8377"))), Receiver)
    print(f"listening on 127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
