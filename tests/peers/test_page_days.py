"""The mails and the page on five days of the simulated year and for unlike organisations, as their readers see them in Chromium.

Every picture is left in target/peers, for the eye. A mail comes from a mail server and is looked at light, dark, with images off
and on a phone; the page at a desk and on a phone.
"""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe

import mail_reader
import organisations
import service
from screen import DESK, MAIL_PANE, PHONE, faults, opened, picture, smallest_text

LEAST_TEXT = 11  # CSS pixels
CLIPPED_BYTES = 100_000  # a mail program shows no more HTML than about this
VIEWS = {
    "light": {"viewport": MAIL_PANE}, "dark": {"viewport": MAIL_PANE, "color_scheme": "dark"}, "phone": {"viewport": PHONE},
    "phone-dark": {"viewport": PHONE, "color_scheme": "dark"}, "images-off": {"viewport": MAIL_PANE},
}


@pytest.fixture(scope="module", params=organisations.MAKERS)
def organisation(request, tmp_path_factory):
    make, day = organisations.MAKERS[request.param]
    return request.param, make(tmp_path_factory.mktemp(request.param), day)


@pytest.fixture(scope="module")
def mails(organisation):
    return {name: mail_reader.parse(content) for name, content in organisations.mails(organisation[1]).items()}


def serious(page):
    found = Axe().run(page).response["violations"]
    return [(v["id"], node["html"][:200]) for v in found if v["impact"] in ("serious", "critical") for node in v["nodes"]]


def views(browser, html):
    """The same mail as its readers see it, one after the other."""
    for view, options in VIEWS.items():
        shown = re.sub(r' src="data:[^"]*"', "", html) if view == "images-off" else html
        # Web mail drops the document type and what the head says; without them tables inherit less.
        shown = re.sub("<!doctype html>|<meta[^>]*>", "", shown) if view == "dark" else shown
        page = opened(browser, content=shown, bypass_csp=True, **options)
        yield view, page
        page.context.close()


def test_the_mails_are_readable_everywhere(organisation, mails, browser):
    assert {"digest", "brief"} <= set(mails)
    for name, mail in mails.items():
        for view, page in views(browser, mail_reader.standalone_html(mail)):
            picture(page, f"{organisation[0]}-{name}-{view}")
            where = organisation[0], name, view
            assert faults(page, "data:") == {}, where
            assert smallest_text(page) >= LEAST_TEXT, where
            assert view.startswith("phone") or serious(page) == [], where


def test_the_mails_show_every_picture_that_they_carry(mails):
    for name, mail in mails.items():
        shown = {image["src"].removeprefix("cid:") for image in mail_reader.Elements(mail_reader.html(mail)).named("img")}
        assert shown == set(mail_reader.pictures(mail)), name


def test_no_mail_is_clipped(mails):
    assert {name: size for name, mail in mails.items() if (size := len(mail_reader.html(mail).encode())) >= CLIPPED_BYTES} == {}


def test_the_page_is_readable_wide_and_narrow(organisation, browser):
    name, (folder, config, now) = organisation
    service.command("--config", config, "report", "--format", "html", "--output", folder / "page.html", cwd=folder, now=now)
    for size in (DESK, PHONE):
        for colours in ("light", "dark"):
            page = opened(browser, size, address=(folder / "page.html").as_uri(), color_scheme=colours)
            picture(page, f"{name}-page-{size['width']}-{colours}")
            assert faults(page, "file:") == {}, (name, size, colours)
            assert smallest_text(page) >= LEAST_TEXT, (name, size, colours)
            page.context.close()
