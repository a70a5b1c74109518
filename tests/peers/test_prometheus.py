"""A real Prometheus scrapes a demo and runs every query of the dashboards; promtool judges the names and feeds the alerts."""

import json
import re
import shutil
import socket
import subprocess
import urllib.error
import urllib.parse
import urllib.request

import pytest
import yaml

import service

DEPLOY = service.ROOT / "deploy"
DASHBOARDS = sorted((DEPLOY / "grafana").glob("*.json"))
RULES = DEPLOY / "prometheus" / "rules.yml"
MANUAL = (DEPLOY / "README.md").read_text()
SCRAPE_SECONDS = 60

# Why a query of a dashboard may have no answer about the demo.
UNANSWERED = {
    "duskwatch_credential_expiry_time_seconds": "no secret of the demo has a date",
    "duskwatch_failing_time_seconds": "nothing of the demo fails",
    "duskwatch_store_failing_time_seconds": "nothing of the demo fails",
}


def promtool(*arguments, text=None):
    """Runs promtool and returns what it says; any other exit status than 0 fails the check."""
    assert shutil.which("promtool"), "the Debian package prometheus is missing"
    done = subprocess.run(["promtool", *map(str, arguments)], input=text, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"promtool {arguments}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def get(url):
    with urllib.request.urlopen(url, timeout=30) as answer:
        return answer.read().decode(), answer.headers


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The address of the page of a running demo."""
    folder = tmp_path_factory.mktemp("demo")
    with service.Service("demo", "--size", "small", "--dir", folder / "demo", cwd=folder) as running:
        yield running.wait_for(r"page\b.*?(http://127\.0\.0\.1:\d+)")[1]


@pytest.fixture(scope="module")
def exposition(demo):
    return get(f"{demo}/metrics")


@pytest.fixture(scope="module")
def prometheus(demo, tmp_path_factory):
    """The address of a Prometheus that runs deploy/prometheus on the demo, every second instead of every minute."""
    folder = tmp_path_factory.mktemp("prometheus")
    (folder / "token").write_text("the demo asks for none")
    settings = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    settings["global"] = dict.fromkeys(settings["global"], "1s")
    settings["rule_files"] = [str(RULES)]
    [job] = settings["scrape_configs"]
    job["authorization"]["credentials_file"] = str(folder / "token")
    job["static_configs"] = [{"targets": [urllib.parse.urlsplit(demo).netloc]}]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(settings))
    url = f"http://127.0.0.1:{free_port()}"
    line = [
        "prometheus", f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={urllib.parse.urlsplit(url).netloc}", "--log.level=warn",
    ]
    with (folder / "log").open("wb") as log, subprocess.Popen(line, stdout=log, stderr=log) as process:
        try:

            def scraped():
                assert process.poll() is None, (folder / "log").read_text()
                try:
                    get(f"{url}/-/ready")
                except OSError:
                    return None
                return query(url, "count_over_time(duskwatch_store_size_bytes[5m]) >= 3")

            service.eventually(scraped, SCRAPE_SECONDS, lambda: f"three scrapes\n{(folder / 'log').read_text()}")
            yield url
        finally:
            process.terminate()
            process.wait(30)


def query(url, expression):
    """The answer to an instant query."""
    try:
        text, _ = get(f"{url}/api/v1/query?{urllib.parse.urlencode({'query': expression})}")
    except urllib.error.HTTPError as error:
        pytest.fail(f"{expression}: {error.read().decode()}")
    answer = json.loads(text)
    assert answer["status"] == "success", (expression, answer)
    return answer["data"]["result"]


def families(text):
    """Name to type of everything that is exposed."""
    return dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))


def panels(board):
    return [panel for panel in json.loads(board.read_text())["panels"] if panel["type"] != "row"]


def expressions(board):
    return [(panel["title"], target["expr"]) for panel in panels(board) for target in panel["targets"]]


def alerts():
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def test_promtool_finds_nothing_wrong_with_names_units_and_texts(exposition):
    text, headers = exposition
    assert headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert promtool("check", "metrics", text=text).strip() == ""
    kinds = families(text)
    assert len(kinds) > 15
    assert {name for name, kind in kinds.items() if kind == "counter"} == {name for name in kinds if name.endswith("_total")}


def test_no_series_is_there_twice_and_none_names_a_person(exposition):
    text, _ = exposition
    series = [line.rsplit(" ", 1)[0] for line in text.splitlines() if not line.startswith("#")]
    assert len(series) == len(set(series)) > 100
    assert not [line for line in series if "@" in line or "user=" in line]


@pytest.mark.parametrize("board", DASHBOARDS, ids=lambda path: path.stem)
def test_every_query_of_a_dashboard_is_answered(board, prometheus):
    [series] = query(prometheus, "duskwatch_store_size_bytes")
    campaign = query(prometheus, "duskwatch_removal_time_seconds")[0]["metric"]["campaign"]
    values = {"$campaign": campaign, "$instance": series["metric"]["instance"], "$__rate_interval": "30s"}
    silent = []
    for title, expression in expressions(board):
        asked = expression
        for name, value in values.items():
            asked = asked.replace(name, value)
        assert "$" not in asked, asked
        # What a panel leaves out because it is zero is there all the same.
        if not query(prometheus, re.sub(r" > 0$", "", asked)) and not any(name in asked for name in UNANSWERED):
            silent.append((title, asked))
    assert silent == []


@pytest.mark.parametrize("board", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_can_be_imported(board):
    dashboard = json.loads(board.read_text())
    assert dashboard["uid"] == f"duskwatch-{board.stem}" and dashboard["title"] and dashboard["description"]
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))
    variables = {variable["name"] for variable in dashboard["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", board.read_text())) - {"__rate_interval"}
    assert used == variables
    for panel in panels(board):
        place = panel["gridPos"]
        assert panel["title"] and place["x"] + place["w"] <= 24
        assert panel["fieldConfig"]["defaults"]["unit"]
    cells = [
        (x, y)
        for panel in dashboard["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(cells) == len(set(cells)), "panels lie over each other"


def test_dashboards_and_alerts_name_only_what_is_exposed(exposition):
    exposed = families(exposition[0]).keys() | UNANSWERED.keys()
    named = {name for board in DASHBOARDS for _, text in expressions(board) for name in re.findall(r"\bduskwatch_\w+", text)}
    named |= {name for rule in alerts() for name in re.findall(r"\bduskwatch_\w+", rule["expr"])}
    assert named - exposed == set()


def test_every_alert_is_loaded_and_can_be_computed(prometheus):
    def computed():
        groups = json.loads(get(f"{prometheus}/api/v1/rules")[0])["data"]["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        return rules if all(rule["health"] != "unknown" for rule in rules) else None

    rules = service.eventually(computed, SCRAPE_SECONDS, "the rules to be evaluated")
    assert {rule["name"] for rule in rules} == {rule["alert"] for rule in alerts()}
    assert [(rule["name"], rule.get("lastError")) for rule in rules if rule["health"] != "ok"] == []


def test_every_alert_fires_when_it_should_and_only_then():
    promtool("check", "rules", RULES)
    cases = service.ROOT / "tests" / "peers" / "alerts.yml"
    promtool("test", "rules", cases)
    tried = [case for test in yaml.safe_load(cases.read_text())["tests"] for case in test["alert_rule_test"]]
    names = {rule["alert"] for rule in alerts()}
    assert {case["alertname"] for case in tried if case.get("exp_alerts")} == names
    assert {case["alertname"] for case in tried if not case.get("exp_alerts")} == names


def test_every_alert_has_its_section_in_the_manual():
    for rule in alerts():
        page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
        assert (service.ROOT / page).samefile(DEPLOY / "README.md")
        assert anchor == rule["alert"].lower()
        section = MANUAL.split(f"\n#### {rule['alert']}\n", 1)
        assert len(section) == 2 and len(section[1].split("\n#", 1)[0]) > 60, rule["alert"]


def test_the_glossary_has_every_metric_and_alert(exposition):
    glossary = MANUAL.split("\n## Glossary\n", 1)[1]
    explained = {name.replace(".", "_") for name in re.findall(r"`(duskwatch\.[\w.]+)`", glossary)}
    bare = lambda name: re.sub(r"_total$", "", name)  # noqa: E731
    units = ("", "_seconds", "_bytes", "_ratio")
    unexplained = {name for name in families(exposition[0]) if not any(bare(name) == known + unit for known in explained for unit in units)}
    assert unexplained == set()
    assert {rule["alert"] for rule in alerts()} == set(re.findall(r"^\| \[(Duskwatch\w+)\]", glossary, re.MULTILINE))
