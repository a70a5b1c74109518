"""Callers in numbers: those that say nothing and those that say it slowly keep the page busy, and stop no collecting.

`pytest tests/peers/test_strangers.py --callers 10000` is the whole of it: ten thousand that are silent, five hundred that are slow. The
check itself needs two descriptors for each five callers beyond its soft limit, which it raises as far as it may."""

import json
import os
import re
import resource
import socket
import threading
import time
import urllib.request
from datetime import datetime, timezone

import pytest

import service

ANSWER_SECONDS = 120
COLLECT_SECONDS = 60
MEMORY_KIB = 300_000  # of the debug build; what connections cost is bounded by their number

ACCEPTED = 256  # MAX_CONNECTIONS of src/serve/connections.rs
BACKLOG = 128  # for so many that wait to be accepted it asks the system for room; the system passes over all further ones
ESTABLISHED = "01"  # as /proc/net/tcp says it
ESTABLISH_SECONDS = 8  # the service hangs up on whoever is silent for ten


@pytest.fixture
def running(tmp_path):
    """A service that reads one log, and the log."""
    log = tmp_path / "egress.jsonl"
    log.write_text("")
    config = tmp_path / "duskwatch.toml"
    config.write_text(
        '[http]\nlisten = "127.0.0.1:0"\n[csv]\ndirectory = ""\n[schedule]\nlogs = "1s"\n'
        f'[[log]]\nname = "egress"\npaths = ["{log}"]\n'
    )
    environment = {"RUST_LOG": "duskwatch=debug", "NO_COLOR": "1"}
    with service.Service("--config", config, "run", cwd=tmp_path, environment=environment, now=None) as process:
        port = int(process.wait_for(r"address=127\.0\.0\.1:(\d+)")[1])
        yield process, port, log


def collects(process, log, what):
    """Writes a line to the log and waits until it is recorded."""
    items = lambda: sum(map(int, re.findall(r'part="?log/egress"? items=(\d+)', process.output())))
    before = items()
    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    line = {"time": now, "host": "bitbucket.org", "path": "/acme/web.git/info/refs", "status": 200, "scheme": "basic", "username": "ada"}
    with log.open("a") as lines:
        lines.write(json.dumps(line) + "\n")
    service.eventually(lambda: items() > before, COLLECT_SECONDS, f"a line of the log {what}")


def connections(port, number):
    """So many connections as the kernel gives, none of which waits for another."""
    opened = []
    for _ in range(number):
        one = socket.socket()
        one.setblocking(False)
        one.connect_ex(("127.0.0.1", port))
        opened.append(one)
    return opened


def established(port, opened):
    """How many of the connections stand on the service's side: those that it has accepted, and those that wait for it to."""
    own = {one.getsockname()[1] for one in opened}
    with open("/proc/net/tcp") as table:
        rows = [line.split() for line in table.readlines()[1:]]
    number = lambda address: int(address.split(":")[1], 16)
    return sum(1 for row in rows if row[3] == ESTABLISHED and number(row[1]) == port and number(row[2]) in own)


def sockets(pid):
    """How many sockets a process holds."""
    folder, held = f"/proc/{pid}/fd", 0
    for descriptor in os.listdir(folder):
        try:
            held += os.readlink(f"{folder}/{descriptor}").startswith("socket:")
        except FileNotFoundError:
            pass  # closed since they were listed
    return held


def dribble(slow, stop):
    """A byte of a head each second from each of them."""
    words = b"GET / HTTP/1.1\r\nhost: localhost\r\nx-slow: " + b"x" * 1_000
    for byte in words:
        for one in slow:
            try:
                one.send(bytes([byte]))
            except OSError:
                pass  # it was hung up on, or has not been accepted yet
        if stop.wait(1):
            return


def of_process(pid, file, pattern):
    with open(f"/proc/{pid}/{file}") as text:
        return int(re.search(pattern, text.read())[1])


def test_idle_and_slow_callers_do_not_stop_collecting(running, request):
    process, port, log = running
    silent, slow = request.config.getoption("--callers"), max(20, request.config.getoption("--callers") // 20)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    assert hard > silent + slow + 200, f"ulimit -n {hard} is too low for {silent} callers"
    collects(process, log, "before anybody calls")
    pid, before = process.process.pid, sockets(process.process.pid)
    opened, stop = connections(port, silent + slow), threading.Event()
    dribbling = threading.Thread(target=dribble, args=(opened[:: max(1, len(opened) // slow)], stop))
    dribbling.start()
    try:
        reached, held = min(len(opened), ACCEPTED + BACKLOG), min(len(opened), ACCEPTED)
        enough = lambda: established(port, opened) >= reached and sockets(pid) - before >= held
        service.eventually(enough, ESTABLISH_SECONDS, lambda: f"{reached} connections, {established(port, opened)} are established")
        print(f"{established(port, opened)} of {len(opened)} connections are established, {sockets(pid) - before} of them accepted")
        for turn in range(3):
            collects(process, log, f"with {len(opened)} callers, turn {turn}")
        memory = of_process(pid, "status", r"VmRSS:\s+(\d+) kB")
        assert memory < MEMORY_KIB, f"{memory} KiB"
        print(f"{silent} silent and {slow} slow callers: {memory} KiB resident")
    finally:
        stop.set()
        dribbling.join()
        for one in opened:
            one.close()
    begun = time.monotonic()

    def answers():
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=30) as answer:
                return answer.status == 200
        except OSError:
            return False

    service.eventually(answers, ANSWER_SECONDS, "an answer once they are gone")
    print(f"answered {time.monotonic() - begun:.1f} s after they were gone")
    assert process.stop() == 0, process.output()[-2_000:]
