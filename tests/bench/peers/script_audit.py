"""What a user would write: the pages of the audit stream into SQLite, ranked with pandas."""

import json
import sqlite3
import sys

import pandas
import requests

url, organization, store = sys.argv[1:]
connection = sqlite3.connect(store)
connection.execute("PRAGMA journal_mode = WAL")
connection.execute("CREATE TABLE event (id TEXT PRIMARY KEY, time, action, actor, ip, event)")
session = requests.Session()
session.headers["Authorization"] = "Bearer none"
cursor, pages = None, 0
while True:
    answer = session.get(f"{url}/admin/v1/orgs/{organization}/events", params={"cursor": cursor} if cursor else {})
    answer.raise_for_status()
    page = answer.json()
    pages += 1
    rows = []
    for event in page["data"]:
        about = event["attributes"]
        rows.append((event["id"], about["time"], about["action"], about["actor"]["id"], (about.get("location") or {}).get("ip"), json.dumps(event)))
    with connection:
        connection.executemany("INSERT OR IGNORE INTO event VALUES (?, ?, ?, ?, ?, ?)", rows)
    cursor = page.get("meta", {}).get("next")
    if not cursor or not page["data"]:
        break
events = pandas.read_sql("SELECT time, action, actor, ip FROM event", connection)
print(events.groupby(["actor", "action", "ip"]).time.agg(["count", "max"]).sort_values("count", ascending=False).head(20))
print(f"{len(events)} items, 0 skipped; {pages} requests")
