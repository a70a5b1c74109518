"""One collection of Grove's own connector for Atlassian, into local files. Only the address of the API is another one."""

import json
import os
import sys

url, organization, directory = sys.argv[1:]
for part in ("config", "cache", "out"):
    os.makedirs(f"{directory}/{part}")
with open(f"{directory}/config/acme.json", "w", encoding="utf-8") as config:
    json.dump({"key": "none", "name": "acme", "identity": organization, "connector": "atlassian_audit_events"}, config)
os.environ |= {
    "GROVE_CONFIG_HANDLER": "local_file",
    "GROVE_CONFIG_LOCAL_FILE_PATH": f"{directory}/config",
    "GROVE_CACHE_HANDLER": "local_file",
    "GROVE_CACHE_LOCAL_FILE_PATH": f"{directory}/cache",
    "GROVE_OUTPUT_HANDLER": "local_file",
    "GROVE_OUTPUT_LOCAL_FILE_PATH": f"{directory}/out",
    "GROVE_TELEMETRY_URI": "",
}

from grove.connectors.atlassian import api, audit_events  # noqa: E402
from grove.models import ConnectorConfig  # noqa: E402

api.API_BASE_URI = url + "/admin/v1/orgs/{identity}"
requests = 0
items = 0
get, save = api.Client._get, audit_events.Connector.save


def counted_get(self, *arguments, **named):
    global requests
    requests += 1
    return get(self, *arguments, **named)


def counted_save(self, entries):
    global items
    items += len(entries)
    return save(self, entries)


api.Client._get, audit_events.Connector.save = counted_get, counted_save
config = ConnectorConfig(**json.load(open(f"{directory}/config/acme.json", encoding="utf-8")))
connector = audit_events.Connector(config=config, context={"runtime": "bench"})
connector.run()
print(f"{items} items, 0 skipped; {requests} requests")
