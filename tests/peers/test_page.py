"""Chromium shows the page and the mails of `duskwatch demo`: whole, without errors, at a desk's and at a phone's width.

With `--keep DIR` the pictures of the README are written to DIR.
"""

import csv
import io
import re
import shutil
import urllib.request

import pytest
from PIL import Image
from playwright.sync_api import sync_playwright

import mail_reader
import service

DESK = {"width": 1280, "height": 900}
PHONE = {"width": 400, "height": 800}
MAIL_PANE = {"width": 700, "height": 900}
PICTURES = service.ROOT / "target" / "peers"
PICTURE_BYTES = 300_000
LINKS = 60  # of one page are followed

CHROMIUM_FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The folder of a running demo, and the address of its page."""
    folder = tmp_path_factory.mktemp("demo")
    with service.Service("demo", "--size", "small", "--dir", folder / "demo", cwd=folder) as running:
        url = running.wait_for(r"page\b.*?(http://127\.0\.0\.1:\d+)")[1]
        yield folder / "demo", url
        assert running.stop() == 0, running.output()


@pytest.fixture(scope="module")
def browser():
    program = shutil.which("chromium")
    assert program, "the Debian package chromium is missing"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def show(browser):
    """Opens a page at some size; remembers what went wrong with it."""
    contexts = []

    def open_page(viewport, address=None, content=None, scripts=True):
        context = browser.new_context(viewport=viewport, java_script_enabled=scripts)
        contexts.append(context)
        page = context.new_page()
        page.complaints, page.requests = [], []
        page.on("console", lambda message: page.complaints.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("requestfailed", lambda failed: page.complaints.append(f"{failed.url}: {failed.failure}"))
        page.on("response", lambda answer: page.complaints.append(f"{answer.url}: {answer.status}") if answer.status >= 400 else None)
        page.on("request", lambda asked: page.requests.append(asked.url))
        page.goto(address, wait_until="networkidle") if address else page.set_content(content, wait_until="networkidle")
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def pages(demo, show):
    """The served page by width, with scripts and without."""
    _, url = demo
    shown = {(size["width"], scripts): show(size, address=url, scripts=scripts) for size in (DESK, PHONE) for scripts in (True, False)}
    for width in (DESK["width"], PHONE["width"]):
        picture(shown[width, True], f"page-{width}")
    return shown


@pytest.fixture(scope="module")
def mails(demo, show):
    """The HTML of the demo's mails by name and width, as a mail program shows it."""
    folder, _ = demo
    shown = {}
    for name in ("digest", "brief"):
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


def picture(page, name):
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"{name}.png", full_page=True)


def faults(page, origin):
    """What a reader would suffer from."""
    elsewhere = [url for url in page.requests if not url.startswith((origin, "data:", "about:"))]
    broken = page.eval_on_selector_all("img", "all => all.filter(i => !i.complete || i.naturalWidth === 0).map(i => i.src.slice(0, 80))")
    mute = page.eval_on_selector_all("img", "all => all.filter(i => !i.alt).map(i => i.src.slice(0, 80))")
    overflow = page.evaluate("document.scrollingElement.scrollWidth - innerWidth")
    found = {"complaints": page.complaints, "elsewhere": elsewhere, "broken": broken, "no alternative text": mute}
    return {name: places for name, places in found.items() if places} | ({"wider than the window by": overflow} if overflow > 0 else {})


def words(page):
    return " ".join(page.locator("body").inner_text().split())


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
        assert f"{remaining(ranking)} integrations" in shown
        assert name != "digest" or ranking[0]["integration"] in shown


def test_text_is_large_enough_to_read(pages, mails):
    smallest = """all => Math.min(...all.filter(e => e.innerText && e.innerText.trim() && !e.closest('svg') && !e.children.length)
        .map(e => parseFloat(getComputedStyle(e).fontSize)))"""
    for key, page in {**pages, **mails}.items():
        assert page.eval_on_selector_all("body *", smallest) >= 11, key


def test_every_link_of_the_page_leads_somewhere(demo, pages):
    _, url = demo
    targets = pages[DESK["width"], True].eval_on_selector_all("a[href]", "all => all.map(a => a.href.split('#')[0])")
    own = sorted({target for target in targets if target.startswith(url)})
    assert own, "the page leads nowhere"
    for target in own[:LINKS]:
        with urllib.request.urlopen(target, timeout=30) as answer:
            assert answer.status == 200, target


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
