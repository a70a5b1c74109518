"""What a user would write: JSON lines into SQLite, ranked with pandas."""

import json
import sqlite3
import sys

import pandas

log, store = sys.argv[1:]
connection = sqlite3.connect(store)
connection.execute("PRAGMA journal_mode = WAL")
connection.execute("CREATE TABLE use (time, username, client_ip, user_agent, host, path, status, line)")
rows, items, skipped = [], 0, 0
HOSTS = {"bitbucket.org", "api.bitbucket.org"}
INSERT = "INSERT INTO use VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
for line in open(log, encoding="utf-8", errors="replace"):
    try:
        use = json.loads(line)
    except ValueError:
        skipped += 1
        continue
    if use.get("host") not in HOSTS:
        skipped += 1
        continue
    rows.append([use.get(key) for key in ("time", "username", "client_ip", "user_agent", "host", "path", "status")] + [line])
    items += 1
    if len(rows) == 10_000:
        with connection:
            connection.executemany(INSERT, rows)
        rows.clear()
with connection:
    connection.executemany(INSERT, rows)
uses = pandas.read_sql("SELECT time, username, client_ip, user_agent FROM use WHERE username IS NOT NULL", connection)
ranking = uses.groupby(["username", "user_agent", "client_ip"]).time.agg(["count", "min", "max"])
print(ranking.sort_values("count", ascending=False).head(20))
print(f"{items} items, {skipped} skipped")
