"""Chromium shows the page and the mails of `duskwatch demo`: whole, without errors, at a desk's and at a phone's width.

With `--keep DIR` the pictures of the README are written to DIR.
"""

import csv
import io
import re
import urllib.request

import html5lib
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import expect

import mail_reader
import service
from screen import DESK, MAIL_PANE, PHONE, PICTURES, faults, picture, smallest_text, words

PICTURE_BYTES = 300_000
LINKS = 60  # of one page are followed
TABS = 60  # keys from the top of the page to the ranking, at most

@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The folder of a running demo, and the address of its page."""
    folder = tmp_path_factory.mktemp("demo")
    with service.Service("demo", "--size", "small", "--dir", folder / "demo", cwd=folder) as running:
        url = running.wait_for(r"page\b.*?(http://127\.0\.0\.1:\d+)")[1]
        yield folder / "demo", url
        assert running.stop() == 0, running.output()


@pytest.fixture(scope="module")
def pages(demo, show):
    """The served page by width, with scripts and without."""
    _, url = demo
    shown = {(size["width"], scripts): show(size, address=url, scripts=scripts) for size in (DESK, PHONE) for scripts in (True, False)}
    for width in (DESK["width"], PHONE["width"]):
        picture(shown[width, True], f"page-{width}")
    return shown


@pytest.fixture(scope="module")
def addresses(demo, pages):
    """Every kind of page, by name."""
    _, url = demo
    links = pages[DESK["width"], True].eval_on_selector_all("main a[href]", "all => all.map(a => a.getAttribute('href'))")
    first = lambda room: next(link for link in links if link.startswith(f"/{room}/"))
    rooms = {room: url + first(room) for room in ("integrations", "users", "teams")}
    return rooms | {"overview": url, "coverage": f"{url}/coverage", "forecasts": f"{url}/forecasts", "nothing": f"{url}/teams/nobody-at-all"}


@pytest.fixture(scope="module")
def mails(demo, show):
    """The HTML of the demo's mails by name and width, as a mail program shows it."""
    folder, _ = demo
    shown = {}
    for name in ("digest", "brief", "notice"):
        html = mail_reader.standalone_html(mail_reader.parse((folder / f"{name}.eml").read_bytes()))
        for size in (MAIL_PANE, PHONE):
            shown[name, size["width"]] = show(size, content=html, scripts=False)
            picture(shown[name, size["width"]], f"{name}-{size['width']}")
    return shown


@pytest.fixture(scope="module")
def ranking(demo):
    """The ranked integrations, first the most urgent."""
    folder, _ = demo
    with open(folder / "csv" / "latest" / "integrations.csv", newline="") as lines:
        return [row for row in csv.DictReader(lines) if row["rank"]]


def rows(page):
    """The ids of the integrations that the ranking lists."""
    return page.eval_on_selector_all("#rows-1 tbody tr", "all => all.map(row => row.querySelector('.id a').textContent)")


def test_the_page_has_no_fault(demo, pages):
    assert {key: faults(page, demo[1]) for key, page in pages.items()} == {key: {} for key in pages}


def test_the_mails_have_no_fault_and_ask_nobody_for_anything(mails):
    assert {key: faults(page, "data:") for key, page in mails.items()} == {key: {} for key in mails}


def test_headline_and_ranking_are_there(pages, ranking):
    for page in pages.values():
        heading = page.locator("h1").first
        assert heading.is_visible() and heading.bounding_box()["y"] < page.viewport_size["height"]
        shown = words(page)
        assert f"{remaining(ranking)} integrations" in shown
        table = page.locator("table", has_text=ranking[0]["integration"]).first
        assert table.is_visible()
        places = [shown.find(row["integration"]) for row in ranking[:5]]
        assert -1 not in places and places == sorted(places)


def remaining(ranking):
    return sum(row["status"] in ("active", "failing", "migrating", "quiet") for row in ranking)


def test_without_scripts_it_says_the_same(pages, ranking):
    for width in (DESK["width"], PHONE["width"]):
        plain = words(pages[width, False])
        assert len(plain) >= 0.9 * len(words(pages[width, True]))
        assert all(row["integration"] in plain for row in ranking[:5])


def test_the_mails_show_headline_and_ranking(mails, ranking):
    for (name, _), page in mails.items():
        shown = words(page)
        assert name == "notice" or f"{remaining(ranking)} integrations" in shown
        assert name != "digest" or ranking[0]["integration"] in shown


def test_text_is_large_enough_to_read(pages, mails):
    for key, page in {**pages, **mails}.items():
        assert smallest_text(page) >= 11, key


def test_every_link_of_the_page_leads_somewhere(demo, pages):
    _, url = demo
    targets = pages[DESK["width"], True].eval_on_selector_all("a[href]", "all => all.map(a => a.href.split('#')[0])")
    own = sorted({target for target in targets if target.startswith(url)})
    assert own, "the page leads nowhere"
    for target in own[:LINKS]:
        with urllib.request.urlopen(target, timeout=30) as answer:
            assert answer.status == 200, target


def test_the_ranking_is_filtered_without_scripts(demo, show, ranking):
    page = show(DESK, address=demo[1], scripts=False)
    status, team = ranking[0]["status"], ranking[0]["owner"]
    page.select_option("select[name=status]", status)
    page.select_option("select[name=team]", team)
    page.click("form button")
    page.wait_for_load_state()
    wanted = [row["integration"] for row in ranking if (row["status"], row["owner"]) == (status, team)]
    assert rows(page) == wanted and len(wanted) < len(ranking)
    assert page.locator("select[name=team]").input_value() == team, "the form shows what was asked for"
    page.click("text=Show all again")
    page.wait_for_load_state()
    assert rows(page) == [row["integration"] for row in ranking]


def test_the_ranking_is_sorted_by_its_heads(demo, show, ranking):
    page = show(DESK, address=demo[1], scripts=False)
    page.click("#rows-1 th a:text('Uses in 30 d')")
    page.wait_for_load_state()
    shown = rows(page)
    uses = {row["integration"]: int(row["uses_30d"]) for row in ranking}
    assert [uses[row] for row in shown] == sorted(uses.values(), reverse=True)
    assert page.locator("#rows-1 th[aria-sort=descending]").inner_text().startswith("Uses")
    page.click("#rows-1 th a:text('Uses in 30 d')")
    page.wait_for_load_state()
    assert rows(page) == list(reversed(shown))


def test_with_scripts_the_ranking_follows_what_is_typed(demo, show, ranking):
    page = show(DESK, address=demo[1])
    page.fill("input[name=q]", ranking[-1]["integration"])
    expect(page.locator("#rows-1 tbody tr")).to_have_count(1)
    assert rows(page) == [ranking[-1]["integration"]] and f"q={ranking[-1]['integration']}" in page.url
    page.fill("input[name=q]", "")
    expect(page.locator("#rows-1 tbody tr")).to_have_count(len(ranking))
    assert not faults(page, demo[1])


def test_a_row_leads_to_its_evidence_and_back(demo, show, ranking):
    page = show(DESK, address=demo[1])
    page.click(f"#rows-1 a:text-is('{ranking[0]['integration']}')")
    page.wait_for_load_state()
    shown = words(page)
    for part in ("Credentials by day", "Why", "Steps for", "Evidence, newest first", "Rules that graded it", ranking[0]["status"]):
        assert part in shown, part
    assert page.locator("table:below(#evidence) tbody tr").count() > 0
    page.click("nav >> text=Overview")
    page.wait_for_load_state()
    assert page.locator("#rows-1").is_visible()


def test_every_page_has_no_fault_at_a_desk_and_on_a_phone(demo, show, addresses):
    for name, address in addresses.items():
        for size in (DESK, PHONE):
            for colours in ("light", "dark"):
                page = show(size, address=address, color_scheme=colours)
                picture(page, f"{name}-{size['width']}-{colours}")
                found = faults(page, demo[1])
                if name == "nothing":
                    assert all("404" in complaint for complaint in found.pop("complaints", [])), name
                assert not found, (name, size, colours)
                page.context.close()


def test_axe_finds_nothing_serious(show, addresses):
    for name, address in addresses.items():
        for size in (DESK, PHONE):
            for colours in ("light", "dark"):
                page = show(size, address=address, color_scheme=colours, bypass_csp=True)
                found = Axe().run(page).response["violations"]
                serious = [(v["id"], v["nodes"][0]["html"]) for v in found if v["impact"] in ("serious", "critical")]
                assert not serious, (name, size, colours)
                page.context.close()


def test_the_pages_are_valid_html(demo, addresses):
    folder, _ = demo
    texts = {"file": (folder / "page.html").read_text(encoding="utf-8")}
    for name, address in addresses.items():
        if name != "nothing":
            with urllib.request.urlopen(address, timeout=30) as answer:
                texts[name] = answer.read().decode()
    parsers = {name: html5lib.HTMLParser() for name in texts}
    for name, text in texts.items():
        parsers[name].parse(text)
    assert {name: parser.errors for name, parser in parsers.items()} == {name: [] for name in texts}


def test_the_keyboard_reaches_everything_and_shows_where_it_is(demo, show):
    page = show(DESK, address=demo[1])
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    assert page.locator(".skip").bounding_box()["x"] >= 0, "the link is seen once it is reached"
    page.keyboard.press("Enter")
    reached = []
    for _ in range(TABS):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("(document.activeElement.name || document.activeElement.getAttribute('href') || '')"))
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", reached[-1]
    assert "/" not in reached, "the content was skipped to"
    assert {"q", "status", "team", "workspace", "client", "grade"} <= set(reached)
    assert any(name.startswith("/integrations/") for name in reached)


def test_the_page_prints(demo, show):
    page = show(DESK, address=demo[1])
    pdf = page.pdf(format="A4")
    assert pdf.startswith(b"%PDF") and 2 <= len(re.findall(rb"/Type\s*/Page\b", pdf)) <= 60
    (PICTURES / "page.pdf").write_bytes(pdf)
    page.emulate_media(media="print")
    assert not page.locator(".filter").first.is_visible() and not page.locator("header nav").is_visible()
    assert page.locator("#rows-1").is_visible()


def test_the_page_names_its_language_and_title(pages):
    page = pages[DESK["width"], True]
    assert page.locator("html").get_attribute("lang") == "en"
    assert re.search(r"duskwatch|app password", page.title(), re.IGNORECASE)


def test_pictures_for_the_readme_are_small(request, pages, mails):
    shots = {"page": pages[DESK["width"], True], "digest": mails["digest", MAIL_PANE["width"]]}
    for name, page in shots.items():
        clip = {"x": 0, "y": 0, "width": page.viewport_size["width"], "height": 1200}
        shot = Image.open(io.BytesIO(page.screenshot(full_page=True, clip=clip)))
        shrunk = io.BytesIO()
        shot.convert("RGB").quantize(128).save(shrunk, "PNG", optimize=True)
        assert len(shrunk.getvalue()) <= PICTURE_BYTES, name
        if keep := request.config.getoption("--keep"):
            keep.mkdir(parents=True, exist_ok=True)
            (keep / f"{name}.png").write_bytes(shrunk.getvalue())
