"""Checks against real servers and readers: what another program sees of duskwatch.

Run all of them by `tests/run`, or one by `.venv/bin/pytest tests/peers/test_mail.py` after `cargo build`.
"""

import shutil
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

import screen
import service


def pytest_addoption(parser):
    parser.addoption("--keep", type=Path, metavar="DIR", help="copy the pictures of the page and the mails to DIR")
    parser.addoption("--callers", type=int, metavar="N", default=600, help="silent callers of test_strangers.py")
    parser.addoption("--rows", type=int, metavar="N", default=3_000, help="random rows of test_query.py")


def pytest_collection_modifyitems(items):
    """What is prepared once, for a file or an organisation, is used by one process; webhooks prepare nothing, and wait long."""
    for item in items:
        if item.path.stem != "test_webhook":
            organisation = item.callspec.params.get("organisation", "") if hasattr(item, "callspec") else ""
            item.add_marker(pytest.mark.xdist_group(f"{item.path.stem} {organisation}"))


@pytest.fixture(scope="session")
def simulator(tmp_path_factory):
    with service.simulated(tmp_path_factory.mktemp("simulator")) as config:
        yield config


@pytest.fixture(scope="session")
def polled(simulator, tmp_path_factory):
    """The folder of a store that has read the simulated organisation once. Copy it before changing it."""
    folder = tmp_path_factory.mktemp("polled")
    config = service.configuration(simulator, folder / "duskwatch.toml", store={"path": "duskwatch.db"}, csv={"directory": "reports"})
    service.command("--config", config, "poll", cwd=folder)
    return folder


@pytest.fixture
def store(polled, tmp_path):
    """A copy of the polled folder, for one check."""
    return shutil.copytree(polled, tmp_path / "store")


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        browser = screen.launch(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def show(browser):
    """Opens a page at some size, until the end of the file."""
    pages = []

    def open_page(viewport, **options):
        pages.append(screen.opened(browser, viewport, **options))
        return pages[-1]

    yield open_page
    for page in pages:
        page.context.close()
