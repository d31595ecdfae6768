"""Actions on the page of any task, and readers of what it shows."""

from collections.abc import Mapping
from pathlib import Path
from re import Pattern
from typing import Any
from urllib.parse import urlencode

from playwright.sync_api import Browser, Page, TimeoutError, expect

from explainers.export.serialize import from_json
from explainers.results.explanation import Explanation
from tests.pages.conftest import PATIENCE, collect_problems
from tests.support.browser import Server
from tests.support.nli import make_named


def save_model(folder: Path, kind: str, names: tuple[str, ...], **changes: Any) -> Path:
    """Save a tiny model with these classes, and return its folder."""
    for part in make_named(kind, names, **changes):
        part.save_pretrained(folder)
    return folder


def open_task(page: Page, server: Server, task: str, **query: object) -> Page:
    """Open the page of a task with a query."""
    page.goto(f"{server.url}/{task}?{urlencode(query)}")
    button = page.get_by_role("button", name="Explain")
    expect(button).to_be_visible(timeout=4 * PATIENCE)  # the server may still be importing torch
    return page


def explain(page: Page, texts: Mapping[str, str]) -> None:
    """Fill the text boxes by name, and explain."""
    for name, text in texts.items():
        box = page.get_by_role("textbox", name=name, exact=True)
        box.fill(text)
    box.press("Control+Enter")


def choose(page: Page, picker: str, option: str | int) -> None:
    """Pick an option by its name or index, and wait until the list has closed.

    A closing list would take the next click, and a rerun closes every list.
    """
    box = page.get_by_role("combobox", name=picker, exact=True)
    opened = page.get_by_test_id("stSelectboxVirtualDropdown")  # generated words have the role option too
    options = opened.get_by_role("option")
    wanted = options.nth(option) if isinstance(option, int) else opened.get_by_role("option", name=option, exact=True)
    for patience in (*[PATIENCE / 12] * 3, PATIENCE):
        if not options.count():
            box.click()
        if isinstance(option, str):
            box.fill(option)  # a long list holds only what is in view
        try:
            wanted.click(timeout=patience)
            break
        except TimeoutError:
            if patience == PATIENCE:
                raise
    expect(options).to_have_count(0)


def wait_for_sentence(page: Page, sentence: str | Pattern[str]) -> None:
    """Wait for the sentence of a result, and for all that is drawn below it."""
    own = page.get_by_role("status").and_(page.locator(".wf-said"))  # Streamlit's notices have this role too
    expect(own.filter(has_text=sentence)).to_have_count(1)
    wait_until_settled(page)


def wait_until_settled(page: Page) -> None:
    """Wait until the server has drawn the whole page. A saved file has no server and needs no waiting."""
    state = "data-test-script-state"
    expect(page.locator(f"[{state}]:not([{state}=notRunning])")).to_have_count(0)


def read_texts(page: Page) -> list[str]:
    """Return the text of each input in the heatmap."""
    page.locator(".wf-map").first.wait_for()
    wait_until_settled(page)
    return page.locator(".wf-map").all_inner_texts()


def read_scores(page: Page) -> list[list[str]]:
    """Return each coloured word with its score."""
    read_texts(page)
    pairs: list[list[str]] = page.locator(".wf-t").evaluate_all("all => all.map(one => [one.innerText, one.dataset.n])")
    return pairs


def read_diff(page: Page) -> tuple[list[str], list[str], str]:
    """Return the deleted words, the inserted words and the new text of an attack, as they are shown."""
    expect(page.locator(".wf-diff")).to_have_count(1)  # that of an earlier attack is gone
    parts = page.locator(".wf-diff").evaluate(
        """map => {
            const shown = map.cloneNode(true)
            shown.querySelectorAll(".wf-heard").forEach(heard => heard.remove())
            return [...shown.childNodes].map(node => [node.nodeName, node.textContent])
        }"""
    )
    deleted, inserted = ([text for kind, text in parts if kind == name] for name in ("DEL", "INS"))
    return deleted, inserted, "".join(text for kind, text in parts if kind != "DEL")


def copy_link(page: Page) -> str:
    """Return the link to the result."""
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_text("The link contains your text.")).to_be_visible()
    return page.get_by_test_id("stPopoverBody").locator("code").inner_text()


def read_scores_as_guest(browser: Browser, address: str, **options: Any) -> list[list[str]]:
    """Return the words and scores that another visitor sees at an address, without any error in the browser."""
    context = browser.new_context(**options)
    guest, problems = context.new_page(), []
    collect_problems(guest, problems)
    guest.goto(address)
    pairs = read_scores(guest)
    context.close()
    assert [problem for problem in problems if "file://" not in problem] == []
    return pairs


def download_files(page: Page, folder: Path) -> tuple[Explanation, Path, str]:
    """Download the result; return its Explanation from JSON, the path of its HTML file, and its CSV."""
    for kind in ("JSON", "HTML", "CSV"):
        with page.expect_download() as download:
            page.get_by_role("button", name=f"Download {kind}").click()
        download.value.save_as(folder / f"result.{kind.lower()}")
    return from_json((folder / "result.json").read_text()), folder / "result.html", (folder / "result.csv").read_text()
