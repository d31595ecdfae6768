"""The browser and the server that the pages' tests share."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.support.browser import FLAGS, Server, find_chromium, start_server

PATIENCE = 60_000  # milliseconds: the first explanation imports torch and loads the model
expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with start_server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1300, "height": 1200})
    context.set_default_timeout(PATIENCE)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """Open a page that fails its test for any console error and any request to another machine."""
    page = context.new_page()
    problems: list[str] = []
    collect_problems(page, problems)
    yield page
    assert problems == []


def collect_problems(page: Page, problems: list[str]) -> None:
    """Collect errors, dialogs, foreign requests and console errors of a page."""
    page.on("pageerror", lambda error: problems.append(f"error: {error}"))
    page.on("dialog", lambda dialog: (problems.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    page.on("request", lambda request: _is_local(request.url) or problems.append(f"request: {request.url}"))
    page.on("console", lambda message: _is_harmless(message) or problems.append(f"console: {message.text}"))


def _is_local(url: str) -> bool:
    return url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:"))


def _is_harmless(message) -> bool:
    """Return True if a console message is no error; Streamlit probes for its base path, and Chromium logs the 404."""
    probing = "/_stcore/" in message.location.get("url", "") and "404" in message.text
    return message.type != "error" or probing
