"""What a person does on any page of a task, and what they see there.

Knows no task.
"""

from collections.abc import Mapping
from pathlib import Path
from re import Pattern
from typing import Any
from urllib.parse import urlencode

from playwright.sync_api import Browser, Page, TimeoutError, expect

from explainers.export.serialize import from_json
from explainers.results.explanation import Explanation
from tests.pages.conftest import PATIENCE, watch
from tests.support.browser import Server
from tests.support.nli import named


def saved(folder: Path, kind: str, names: tuple[str, ...], **changes: Any) -> Path:
    """The folder of a tiny model with a class of each name."""
    for part in named(kind, names, **changes):
        part.save_pretrained(folder)
    return folder


def visit(page: Page, server: Server, task: str, **query: object) -> Page:
    """Open the page of a task with settings in its address."""
    page.goto(f"{server.url}/{task}?{urlencode(query)}")
    expect(page.get_by_role("button", name="Explain")).to_be_visible(timeout=4 * PATIENCE)  # torch may be on its way
    return page


def explain(page: Page, texts: Mapping[str, str]) -> None:
    """Type each text into the box of its name, and ask."""
    for name, text in texts.items():
        box = page.get_by_role("textbox", name=name, exact=True)
        box.fill(text)
    box.press("Control+Enter")


def choose(page: Page, picker: str, option: str | int) -> None:
    """Pick an option by its name or place, and wait until the list has closed.

    A list that is still closing would take the next picker's click, and a page that is drawn again closes its lists.
    """
    box = page.get_by_role("combobox", name=picker, exact=True)
    opened = page.get_by_test_id("stSelectboxVirtualDropdown")  # written words are options of a list too
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


def told(page: Page, said: str | Pattern[str]) -> None:
    """Wait for the sentence that a page says a result with, and for all below it; the last may stand till then."""
    expect(page.get_by_role("status").filter(has_text=said)).to_have_count(1)
    settled(page)


def settled(page: Page) -> None:
    """Wait until the server has sent the whole page: parts of the last one stand until their own turn comes.

    A saved file has no server, and is there at once.
    """
    state = "data-test-script-state"
    expect(page.locator(f"[{state}]:not([{state}=notRunning])")).to_have_count(0)


def maps(page: Page) -> list[str]:
    """The text of each input's map."""
    page.locator(".wf-map").first.wait_for()
    settled(page)
    return page.locator(".wf-map").all_inner_texts()


def scores(page: Page) -> list[list[str]]:
    """Each coloured piece with its number."""
    maps(page)
    found: list[list[str]] = page.locator(".wf-t").evaluate_all("all => all.map(one => [one.innerText, one.dataset.n])")
    return found


def changed(page: Page) -> tuple[list[str], list[str], str]:
    """The words that an attack took away, those that came instead, and the text as it is now; as they are seen."""
    parts = page.locator(".wf-diff").evaluate(
        """map => {
            const shown = map.cloneNode(true)
            shown.querySelectorAll(".wf-heard").forEach(heard => heard.remove())
            return [...shown.childNodes].map(node => [node.nodeName, node.textContent])
        }"""
    )
    gone, came = ([text for kind, text in parts if kind == name] for name in ("DEL", "INS"))
    return gone, came, "".join(text for kind, text in parts if kind != "DEL")


def link(page: Page) -> str:
    """The link that shows the result to somebody else."""
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_text("The link contains your text.")).to_be_visible()
    return page.get_by_test_id("stPopoverBody").locator("code").inner_text()


def seen_by_a_guest(browser: Browser, address: str, **options: Any) -> list[list[str]]:
    """The pieces and numbers that somebody else sees at an address, with no complaint of the browser."""
    context = browser.new_context(**options)
    guest, problems = context.new_page(), []
    watch(guest, problems)
    guest.goto(address)
    found = scores(guest)
    context.close()
    assert [problem for problem in problems if "file://" not in problem] == []
    return found


def downloaded(page: Page, folder: Path) -> tuple[Explanation, Path, str]:
    """The result as an Explanation from its JSON, as an HTML file, and as CSV."""
    for kind in ("JSON", "HTML", "CSV"):
        with page.expect_download() as download:
            page.get_by_role("button", name=f"Download {kind}").click()
        download.value.save_as(folder / f"result.{kind.lower()}")
    return from_json((folder / "result.json").read_text()), folder / "result.html", (folder / "result.csv").read_text()
