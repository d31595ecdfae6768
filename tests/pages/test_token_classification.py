"""The page of named entities, in a real browser."""

import re

import pytest
from playwright.sync_api import Page, expect

from explainers import TASKS
from tests.pages.conftest import PATIENCE, collect_problems
from tests.support import page_actions
from tests.support.browser import Server

EXAMPLES = {example.label: dict(example.inputs)["text"] for example in TASKS["token_classification"].examples}


@pytest.fixture
def opened(page: Page, server: Server) -> Page:
    page.goto(f"{server.url}/token_classification?method=saliency")
    expect(page.get_by_role("button", name="Explain")).to_be_visible()
    return page


def read_entities(page: Page) -> list[str]:
    """Return the entities with their classes, once they are there."""
    page.locator("button.wf-e").first.wait_for(timeout=3 * PATIENCE)
    return page.locator("button.wf-e").all_inner_texts()


def test_a_click_or_a_key_on_an_entity_shows_its_explanation(opened):
    opened.get_by_role("radio", name="Paris twice").click()
    assert read_entities(opened) == ["Paris Miller PER", "Paris LOC", "Jordan PER", "Jordan LOC"]
    text = opened.get_by_role("group", name="The text with its entities").inner_text()
    assert re.sub(r" (PER|LOC)\b", "", text) == EXAMPLES["Paris twice"]
    page_actions.wait_for_sentence(opened, re.compile("Paris Miller .*PER"))
    first = opened.locator(".wf-map").inner_html()
    opened.locator("button.wf-e", has_text="Paris LOC").click()
    page_actions.wait_for_sentence(opened, re.compile("Paris .*LOC"))
    expect(opened.locator("button.wf-e[aria-pressed=true]")).to_have_text(re.compile("Paris.*LOC"))
    assert opened.locator(".wf-map").inner_html() != first
    expect(opened.get_by_role("radio", name=re.compile("^Paris: LOC"))).to_be_checked()
    opened.locator("button.wf-e").nth(3).focus()
    opened.keyboard.press("Enter")
    page_actions.wait_for_sentence(opened, re.compile("Jordan .*LOC"))
    opened.get_by_role("radio", name=re.compile("^Jordan: PER")).click()
    page_actions.wait_for_sentence(opened, re.compile("Jordan .*PER"))
    expect(opened.locator("button.wf-e[aria-pressed=true]")).to_have_text(re.compile("Jordan.*PER"))


def test_an_entity_is_explained_rather_than_another_class_and_a_link_keeps_the_contrast(opened, browser):
    opened.get_by_role("radio", name="Paris twice").click()
    read_entities(opened)
    page_actions.choose(opened, "Explain", "Paris: LOC")
    page_actions.choose(opened, "Rather than", "B-PER")
    opened.get_by_role("button", name="Explain").click()
    page_actions.wait_for_sentence(opened, re.compile("Paris as LOC.* rather than B-PER"))
    assert read_entities(opened) == ["Paris LOC"]
    expect(opened.locator("span.wf-e")).to_have_count(3)  # the others are marked, and not explained
    assert "position=" in opened.url
    mine = opened.locator(".wf-map").inner_html()
    opened.get_by_role("button", name="Copy link").click()
    link = opened.get_by_test_id("stPopoverBody").locator("code").inner_text()
    other = browser.new_context()
    guest, problems = other.new_page(), []
    collect_problems(guest, problems)
    guest.goto(link)
    page_actions.wait_for_sentence(guest, re.compile("Paris as LOC.* rather than B-PER"))
    assert guest.locator(".wf-map").inner_html() == mine
    other.close()
    assert problems == []


def test_a_text_without_entities_is_refused_and_markup_is_shown_as_text(opened):
    box = opened.get_by_role("textbox", name="Text", exact=True)
    box.fill("it rained and we got lost")
    box.press("Control+Enter")
    expect(opened.get_by_role("alert")).to_contain_text("no entity in this text")
    assert box.input_value() == "it rained and we got lost"
    evil = "Clara Weiss wrote <img src=x onerror=alert(1)> in Vienna, \u202eOslo\u202c and مدينة"
    box.fill(evil)
    box.press("Control+Enter")
    assert read_entities(opened)
    shown = opened.get_by_role("group", name="The text with its entities").inner_text()
    assert "<img src=x onerror=alert(1)>" in re.sub(r" (PER|LOC|ORG|MISC)\b", "", shown)
    assert "\u202e" not in shown
    assert opened.locator("img[src=x]").count() == 0


def test_nothing_scrolls_sideways_on_a_phone(browser, server):
    phone = browser.new_context(viewport={"width": 360, "height": 740}, color_scheme="dark")
    page, problems = phone.new_page(), []
    collect_problems(page, problems)
    page.goto(f"{server.url}/token_classification")
    page.get_by_role("radio", name="A new job").click()
    read_entities(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    phone.close()
    assert problems == []
