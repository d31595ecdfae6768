"""The pages of text generation and translation, in a real browser with tiny models."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.pages.conftest import PATIENCE, collect_problems
from tests.support import page_actions
from tests.support.browser import Server
from tests.support.tiny import tiny

PROMPT, CONTINUATION = "the soup was cold", "and the waiter rude"
EVIL = "<img src=x onerror=alert(1)> مدينة 👍🏽 \u202eb\u202c"


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _save_model(tmp_path_factory.mktemp("writer"), "llama", "text_generation")


@pytest.fixture(scope="module")
def translator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _save_model(tmp_path_factory.mktemp("translator"), "marian", "translation")


def _save_model(folder: Path, kind: str, task: str) -> Path:
    for part in tiny(kind, task=task):
        part.save_pretrained(folder)
    return folder


def read_generated_words(page: Page) -> list[str]:
    """Return the generated words once they are there."""
    page.locator(".wf-g-o").first.wait_for(timeout=3 * PATIENCE)
    return page.locator(".wf-g-o").all_inner_texts()


def read_coloured_words(page: Page) -> dict[str, str]:
    """Return each coloured word with its score."""
    return dict(
        page.locator(".wf-g .wf-t[data-n]").evaluate_all("all => all.map(one => [one.textContent, one.dataset.n])")
    )


def test_pointing_at_a_generated_word_colours_its_attributions_without_the_server(
    page: Page, server: Server, writer: Path
):
    sent: list[object] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(frame)))
    page_actions.open_task(page, server, "text_generation", model=writer, method="saliency")
    page_actions.explain(page, {"Prompt": PROMPT, "Continuation": CONTINUATION})
    assert read_generated_words(page) == ["and", "the", "waiter", "rude"]
    page_actions.wait_for_sentence(page, re.compile("."))
    page.locator(".wf-meter").wait_for()
    expect(page.get_by_role("radio", name="Edit the text")).to_be_visible()
    expect(page.get_by_role("radio", name="What if")).to_have_count(0)  # one panel edits the text
    before = len(sent)
    rude, waiter = page.get_by_role("option", name="rude"), page.get_by_role("option", name="waiter")
    rude.hover()
    first = read_coloured_words(page)
    assert set(first) == {"the", "soup", "was", "cold", "and", "waiter", "rude"}  # earlier generated words too
    waiter.hover()
    assert read_coloured_words(page) != first
    assert set(read_coloured_words(page)) == {"the", "soup", "was", "cold", "and", "waiter"}
    expect(page.locator(".wf-g-hidden")).to_have_text(["rude"])
    expect(page.locator(".wf-g-said")).to_contain_text("waiter")
    # A click keeps the selection while the pointer moves; each score is drawn above its word.
    rude.click()
    waiter.hover()
    assert read_coloured_words(page) == first
    expect(rude).to_have_attribute("aria-selected", "true")
    assert waiter.evaluate("one => getComputedStyle(one, '::after').content").strip('"') == first["waiter"]
    # Escape deselects; arrows move, and Shift selects several words, whose sum or mean is shown.
    rude.press("Escape")
    expect(rude).to_have_attribute("aria-selected", "false")
    rude.press("Shift+ArrowLeft")
    expect(page.locator('.wf-g-o[aria-selected="true"]')).to_have_text(["waiter", "rude"])
    added = read_coloured_words(page)
    page.locator(".wf-g select").select_option("mean")
    assert read_coloured_words(page) != added
    page.locator(".wf-g select").select_option("sum")
    waiter.press("Home")
    expect(page.get_by_role("option", name="and")).to_be_focused()
    # Dragging selects several, too.
    waiter.press("Escape")
    page.get_by_role("option", name="and").hover()
    page.mouse.down()
    waiter.hover()
    page.mouse.up()
    expect(page.locator('.wf-g-o[aria-selected="true"]')).to_have_text(["and", "the", "waiter"])
    assert len(sent) == before  # nothing of this was sent to the server


def test_views_of_a_result_switch_and_its_html_file_works_offline(
    page: Page, server: Server, writer: Path, browser: Browser, tmp_path: Path
):
    page_actions.open_task(page, server, "text_generation", model=writer, method="saliency")
    page_actions.explain(page, {"Prompt": PROMPT, "Continuation": f"{CONTINUATION} {EVIL}"})
    read_generated_words(page)
    bare = "one => { one = one.cloneNode(true); one.querySelectorAll('.wf-g-mark').forEach(m => m.remove()); "
    generated = page.locator(".wf-g-text").nth(1).evaluate(bare + "return one.textContent }")
    assert "<img src=x onerror=alert(1)> مدينة 👍🏽" in generated
    assert page.locator("img[src=x]").count() == 0
    page.get_by_role("radio", name="Heatmap").click()
    expect(
        page.get_by_role("img", name=re.compile("^Heatmap of")).or_(page.locator(".js-plotly-plot")).first
    ).to_be_visible()
    page.get_by_role("radio", name="Table").click()
    expect(page.get_by_test_id("stDataFrame")).to_be_visible()
    page.get_by_role("radio", name="Text", exact=True).click()
    page_actions.choose(page, "Group by", "Pattern")
    expect(page.get_by_role("textbox", name="Pattern")).to_be_visible()
    page.get_by_role("textbox", name="Pattern").fill("(a")
    page.get_by_role("textbox", name="Pattern").press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("is not a regular expression")
    page_actions.choose(page, "Group by", "Tokens")
    _, saved, _ = page_actions.download_files(page, tmp_path)
    alone, problems = browser.new_context(offline=True), []
    file = alone.new_page()
    file.on("pageerror", lambda error: problems.append(str(error)))
    file.on("console", lambda message: problems.append(message.text))
    file.goto(saved.as_uri())
    file.locator(".wf-g-o").nth(3).hover()
    first = read_coloured_words(file)
    file.locator(".wf-g-o").nth(2).hover()
    assert read_coloured_words(file) != first
    assert file.locator("img[src=x]").count() == 0
    alone.close()
    assert problems == []


def test_the_panels_of_a_generation_show_context_attention_edits_and_substitutions(
    page: Page, server: Server, writer: Path
):
    page_actions.open_task(page, server, "text_generation", model=writer, method="saliency")
    page_actions.explain(page, {"Prompt": f"a clever story. {PROMPT}", "Continuation": CONTINUATION})
    read_generated_words(page)
    page.get_by_role("radio", name="Context").click()
    expect(page.get_by_role("textbox", name="Context", exact=True)).to_have_value("a clever story.")
    expect(page.get_by_role("textbox", name="Text after the context")).to_have_value(PROMPT)
    page.get_by_role("button", name="Find what depends on the context").click()
    expect(page.locator(".wf-c-text").first).to_contain_text("waiter", timeout=3 * PATIENCE)
    page.get_by_text("The context in the output").click()
    page.get_by_role("textbox", name="Output template").fill("Well, {context} {current}")
    page.get_by_role("textbox", name="Context as generated").fill("the cast <img src=x>")
    page.get_by_role("button", name="Find what depends on the context").click()
    expect(page.locator(".wf-c-begun")).to_contain_text("Well, the cast <img src=x>", timeout=3 * PATIENCE)
    page.get_by_role("radio", name="Attention").click()
    page.get_by_role("button", name="Show attention weights").click()
    expect(page.get_by_text("attends most to")).to_be_visible(timeout=3 * PATIENCE)
    page.get_by_role("button", name="Zero the values").click()
    expect(page.get_by_text("depends most on")).to_be_visible(timeout=3 * PATIENCE)
    page.get_by_role("radio", name="Edit the text").click()
    page.get_by_role("textbox", name="Edited text").fill(f"a clever plot. {PROMPT}")
    page.get_by_role("button", name="Compare with the original").click()
    expect(page.get_by_text("higher score in your text")).to_be_visible(timeout=3 * PATIENCE)
    page.get_by_role("radio", name="Substitute a word").click()
    expect(page.get_by_role("textbox", name="Replacements")).to_have_value(re.compile("baker, .*doctor"))
    page.get_by_role("textbox", name="Replacements").fill(f"cast, {EVIL}, cast")
    page.get_by_role("button", name="Try all").click()
    expect(page.get_by_role("status").last).to_contain_text(re.compile("“an” .* with “.* with"))
    expect(page.get_by_text("to compare the generated word")).to_be_visible()
    assert page.locator("img[src=x]").count() == 0


def test_a_translation_fits_a_phone_in_dark_mode(browser: Browser, server: Server, translator: Path):
    phone = browser.new_context(viewport={"width": 360, "height": 740}, color_scheme="dark")
    page, problems = phone.new_page(), []
    collect_problems(page, problems)
    page_actions.open_task(page, server, "translation", model=translator, method="saliency")
    page_actions.explain(page, {"Source": PROMPT, "Target": CONTINUATION})
    assert read_generated_words(page) == ["and", "the", "waiter", "rude"]
    page.locator(".wf-g-o").nth(2).click()
    assert {"soup", "cold", "and"} <= set(read_coloured_words(page))
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.get_by_role("textbox", name="Source", exact=True).fill("")
    page.get_by_role("textbox", name="Source", exact=True).press("Control+Enter")
    expect(page.get_by_role("alert")).to_contain_text("Source is empty")
    phone.close()
    assert problems == []
