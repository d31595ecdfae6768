"""Measure how soon a visitor sees a page with nothing loaded, also while another visitor's model is downloaded.

Run it with `python -m bench.start` once requirements-dev.txt is installed.
"""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, Page, sync_playwright

from bench.report import format_table, show_progress
from pages.common.navigation import MORE, TASK_PAGES
from tests.support.browser import FLAGS, find_chromium, start_server

MOST = 3.0  # seconds until a page is there
PATIENCE = 300_000  # milliseconds: the very first visit waits for the imports
ASKING = f"/{TASK_PAGES[0][0]}"
SHOWN = {key: title for key, title, _ in (*TASK_PAGES, *MORE)}


def main() -> None:
    """Measure and print: a server with no weights on its disk, and an index that never ends its answer."""
    with (
        TemporaryDirectory() as folder,
        serve_endlessly() as index,
        start_server(Path(folder), WHEREFORE_CACHE_FOLDER=f"{folder}/cache", PIP_INDEX_URL=index) as server,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        imports = time_visit(browser, server.url + ASKING)
        alone = {key: time_visit(browser, f"{server.url}/{key}") for key in show_progress(list(SHOWN), "pages")}
        with keep_downloading(browser, server.url + ASKING):
            beside = {
                key: time_visit(browser, f"{server.url}/{key}")
                for key in show_progress(list(SHOWN), "during a download")
            }
        browser.close()
    print(f"The first visitor of all waited {imports:.1f} s, most of it for torch to be imported.\n")
    head = ("page", "seconds, nothing loaded", "while somebody else's model downloads", "at most")
    print(format_table(head, [make_row(key, alone[key], beside[key]) for key in SHOWN]))


def make_row(key: str, alone: float, beside: float) -> tuple[str, ...]:
    """Return a page's times, and whether they are short enough."""
    verdict = "" if max(alone, beside) <= MOST else " (broken)"
    return key, f"{alone:.1f}", f"{beside:.1f}", f"{MOST:g}{verdict}"


@contextmanager
def serve_endlessly() -> Iterator[str]:
    """Yield the address of a package index that sends one byte a second: a download without end."""
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection, suppress(OSError):  # pip is ended with its visitor
                connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
                while not done.wait(1):
                    connection.sendall(b"x")

        threading.Thread(target=answer, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/simple"
        done.set()


def time_visit(browser: Browser, address: str) -> float:
    """Measure the seconds until a new visitor sees a complete page."""
    page = browser.new_page()
    page.set_default_timeout(PATIENCE)
    started = time.perf_counter()
    page.goto(address)
    wait_until_complete(page)
    seconds = time.perf_counter() - started
    page.close()
    return seconds


def wait_until_complete(page: Page) -> None:
    """Wait until the page has its title and Streamlit says that the run is over."""
    page.get_by_role("heading", level=1).wait_for()
    page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for()


@contextmanager
def keep_downloading(browser: Browser, address: str) -> Iterator[None]:
    """Keep another visitor's explanation waiting for its weights."""
    page = browser.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(address)
    wait_until_complete(page)
    page.get_by_role("button", name="Explain", exact=True).click()
    page.get_by_text("Downloading").first.wait_for()
    yield
    assert page.get_by_text("Downloading").first.is_visible()
    page.close()


if __name__ == "__main__":
    main()
