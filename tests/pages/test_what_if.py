"""The What if panel in a real browser."""

import re

from playwright.sync_api import Page, expect

from tests.pages.conftest import PATIENCE
from tests.support import page_actions
from tests.support.browser import Server

TEXT = "A wonderful <img src=x onerror=alert(1)> cast, \u202etoo\u202c slow **now**."


def read_words(page: Page) -> str:
    """Return the text in the panel."""
    return page.locator(".wf-words").first.inner_text()


def choose_word(page: Page, text: str) -> None:
    """Click a word of the panel, and wait until it is chosen."""
    page.locator(".wf-w").filter(has_text=re.compile(f"^{re.escape(text)}$")).first.click()
    expect(page.get_by_test_id("stMain")).to_contain_text(f"Chosen: {text}")


def test_words_are_deleted_masked_replaced_and_restored_beside_the_original(page: Page, server: Server):
    page_actions.open_task(page, server, "text_classification", method="saliency")
    page_actions.explain(page, {"Text": TEXT})
    page.locator(".wf-map").wait_for(timeout=3 * PATIENCE)
    page.get_by_role("radio", name="What if").click()
    first = read_words(page)
    assert "<img src=x onerror=alert(1)>" in first
    assert "\u202e" not in first
    expect(page.get_by_role("button", name="Delete")).to_be_disabled()
    choose_word(page, "wonderful")
    page.get_by_role("button", name="Delete").click()
    sentence = page.get_by_role("status").last
    expect(sentence).to_contain_text("Without “wonderful”")
    expect(page.locator(".wf-map")).to_have_count(3)  # the result above, the original and the changed text
    original, changed = page.locator(".wf-map").all_inner_texts()[1:]
    assert changed == original.replace("wonderful ", "")
    scales = [legend.split("Full colour")[1] for legend in page.locator(".wf-legend").all_inner_texts()[1:]]
    assert scales[0] == scales[1]
    choose_word(page, "cast")
    page.get_by_role("button", name="Mask", exact=True).click()
    expect(sentence).to_contain_text("“[MASK]” for “cast”")
    choose_word(page, "slow")
    page.get_by_role("textbox", name="Replace with").fill("<b>quick</b> 🙂")
    page.keyboard.press("Enter")
    expect(sentence).to_contain_text("“<b>quick</b> 🙂” for “slow”")
    assert page.locator("img[src=x], .wf-words b").count() == 0
    page.get_by_role("button", name="Undo").click()
    expect(sentence).not_to_contain_text("quick")
    assert "[MASK]" in read_words(page)
    page.get_by_role("button", name="Use this text").click()
    box = page.get_by_role("textbox", name="Text", exact=True)
    expect(box).to_have_value(TEXT.replace("wonderful ", "").replace("cast", "[MASK]"))
    box.fill("Another text.")
    box.press("Control+Enter")
    expect(page.get_by_text("changes of an earlier text")).to_be_visible()
    page.get_by_role("button", name="Start over").click()
    expect(page.locator(".wf-words").filter(has_text="Another text.")).to_have_count(1)
    expect(page.locator(".wf-words")).to_have_count(1)
    expect(page.locator(".wf-map")).to_have_count(1)
    page.locator(".wf-w").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("stMain")).to_contain_text("Chosen: text")
    choose_word(page, "Another")
    page.get_by_role("button", name="Delete").click()
    expect(sentence).to_contain_text("Without “Another”")
