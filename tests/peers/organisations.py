"""Organisations whose reports are looked at: the simulated one on five days of its year, and some that are unlike it.

Each has a folder with a store and a configuration, and the instant from which it is seen.
"""

import json
from collections import namedtuple
from datetime import datetime, timedelta

import service
from smtp_servers import Recorder

Organisation = namedtuple("Organisation", "folder config now")

# What the simulated year has on them: nothing but announcements, the freeze behind and the brownouts ahead, their fifth week,
# the removal a day ago, four months ago.
DAYS = {"before-freeze": "2025-08-20", "before-brownouts": "2026-05-20", "in-brownouts": "2026-07-10", "day-after": "2026-07-29",
        "four-months-after": "2026-11-25"}
CAMPAIGNS = [{"file": f"builtin:{name}"} for name in ("bitbucket-app-passwords", "bitbucket-ssh-host", "api-token-expiry")]
AGENTS = ["git/2.45.1", "git/2.39.2", "curl/8.5.0", "Jenkins/2.440", "python-requests/2.31.0", "Go-http-client/2.0", "SourceTree/4.2"]
LARGE = 5_000
TEAMS = 60


def at(day):
    return f"{day}T07:00:00Z"


def simulated(folder, day, **sections):
    """The simulated organisation on a day, as `demo` leaves it: yesterday's digest has been sent."""
    service.command("demo", "--size", "small", "--once", "--dir", folder / "demo", cwd=folder, now=at(day))
    config = service.configuration(folder / "demo" / "duskwatch.toml", folder / "demo" / "other.toml", **sections)
    return Organisation(folder / "demo", config, at(day))


def imported(folder, day, lines, **sections):
    """An organisation of which only these lines are known."""
    settings = {"store": {"path": "duskwatch.db"}, "csv": {"directory": "reports"}, **sections}
    (folder / "empty.toml").write_text("")
    config = service.configuration(folder / "empty.toml", folder / "duskwatch.toml", **settings)
    (folder / "evidence.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    service.command("--config", config, "import", "--format", "json", "evidence.jsonl", cwd=folder, now=at(day), expect=(0, 1))
    return Organisation(folder, config, at(day))


def use(day, days_before, user, place, **fields):
    """One line: who signed in with an app password, how many days before `day`, and where."""
    time = datetime.fromisoformat(at(day)) - timedelta(days=days_before, hours=place % 20)
    repository = f"team{place % TEAMS}-service-{place % 400}"
    return {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ"), "host": "bitbucket.org", "path": f"/acme/{repository}.git/info/refs", "method": "GET",
        "username": user, "client_ip": f"10.{place % 7}.{place % 200}.9", "user_agent": AGENTS[place % len(AGENTS)], "scheme": "basic",
        "secret_prefix": "ATBB" if place % 5 else None, "status": 200, **fields,
    }


def empty(folder, day):
    return imported(folder, day, [], log=[{"name": "egress", "paths": ["none/*.jsonl"]}])


def single(folder, day):
    """One user with one script."""
    return imported(folder, day, [use(day, back, "mtessel", 1) for back in (40, 33, 26, 19, 12, 5, 1)])


def large(folder, day):
    """As many integrations as fit no mail and no page; teams with lead times of every length."""
    backs = (60, 41, 23, 12, 4, 2, 1)
    lines = [use(day, back, f"user{n:04}", n) for n in range(LARGE) for back in backs[n % 4:]]
    owners = [
        {"name": f"team-{n}", "email": f"team-{n}@example.test", "lead_time": f"{5 + 2 * n}d", "match": {"repository": f"team{n}-*"}}
        for n in range(TEAMS)
    ]
    return imported(folder, day, lines, owner=owners)


def several_campaigns(folder, day):
    return simulated(folder, day, campaign=CAMPAIGNS)


MAKERS = {name: (simulated, day) for name, day in DAYS.items()} | {
    "empty": (empty, DAYS["in-brownouts"]), "single-user": (single, DAYS["in-brownouts"]), "large": (large, DAYS["in-brownouts"]),
    "campaigns": (several_campaigns, DAYS["in-brownouts"]), "campaigns-after": (several_campaigns, DAYS["four-months-after"]),
}


def mails(organisation):
    """The bytes of digest, brief and longest notice of a day, as `send` brings them to a mail server.

    Where a demo has compared a digest with yesterday's, it is that one.
    """
    folder, config, now = organisation
    with Recorder() as server:
        recipients = [{"address": f"{audience}@example.test", "audience": audience} for audience in ("security", "leadership")]
        email = {
            "server": f"smtp+plain://127.0.0.1:{server.port}", "from": "Duskwatch <duskwatch@example.test>", "recipient": recipients,
            "contact": "security@example.test",
        }
        config = service.configuration(config, folder / "mail.toml", email=email, schedule={"notices": "0 9 * * *"})
        service.command("--config", config, "send", cwd=folder, now=now)
    sent = sorted((content for _, content in server.received), key=len)
    named = {name: [mail for mail in sent if f"List-Id: <duskwatch-{name}.".encode() in mail] for name in ("digest", "brief", "notice")}
    latest = {name: all_of_it[-1] for name, all_of_it in named.items() if all_of_it}
    compared = folder / "digest.eml"
    return latest | ({"digest": compared.read_bytes()} if compared.exists() and "campaign" not in config.read_text() else {})
