"""What a reader sees of a page or a mail in Chromium, and what they would suffer from."""

import shutil

import service

DESK = {"width": 1280, "height": 900}
PHONE = {"width": 360, "height": 800}
MAIL_PANE = {"width": 700, "height": 900}
PICTURES = service.ROOT / "target" / "peers"

CHROMIUM_FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]


def launch(playwright):
    program = shutil.which("chromium")
    assert program, "the Debian package chromium is missing"
    return playwright.chromium.launch(executable_path=program, args=CHROMIUM_FLAGS)


def opened(browser, viewport, address=None, content=None, scripts=True, **options):
    """A page at some size, that remembers what went wrong with it."""
    page = browser.new_context(viewport=viewport, java_script_enabled=scripts, **options).new_page()
    page.complaints, page.requests = [], []
    page.on("console", lambda message: page.complaints.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("requestfailed", lambda failed: page.complaints.append(f"{failed.url}: {failed.failure}"))
    page.on("response", lambda answer: page.complaints.append(f"{answer.url}: {answer.status}") if answer.status >= 400 else None)
    page.on("request", lambda asked: page.requests.append(asked.url))
    page.goto(address, wait_until="networkidle") if address else page.set_content(content, wait_until="networkidle")
    return page


TALLEST = 12_000  # pixels; of a taller page a picture shows no more, since nobody looks further and drawing it takes minutes


def picture(page, name):
    PICTURES.mkdir(parents=True, exist_ok=True)
    width, height = page.evaluate("[innerWidth, document.documentElement.scrollHeight]")
    shown = {"x": 0, "y": 0, "width": width, "height": min(height, TALLEST)}
    page.screenshot(path=PICTURES / f"{name}.png", full_page=True, clip=shown)


def faults(page, origin):
    """What a reader would suffer from."""
    elsewhere = [url for url in page.requests if not url.startswith((origin, "data:", "about:"))]
    broken = page.eval_on_selector_all("img[src]", "all => all.filter(i => !i.complete || i.naturalWidth === 0).map(i => i.src.slice(0, 80))")
    mute = page.eval_on_selector_all("img", "all => all.filter(i => !i.alt).map(i => i.src.slice(0, 80))")
    overflow = page.evaluate("document.scrollingElement.scrollWidth - innerWidth")
    found = {"complaints": page.complaints, "elsewhere": elsewhere, "broken": broken, "no alternative text": mute}
    return {name: places for name, places in found.items() if places} | ({"wider than the window by": overflow} if overflow > 0 else {})


def words(page):
    return " ".join(page.locator("body").inner_text().split())


SMALLEST = """all => Math.min(...all.filter(e => e.innerText && e.innerText.trim() && !e.closest('svg') && !e.children.length)
    .map(e => parseFloat(getComputedStyle(e).fontSize)))"""


def smallest_text(page):
    """The size of the smallest words outside pictures, in CSS pixels."""
    return page.eval_on_selector_all("body *", SMALLEST)
