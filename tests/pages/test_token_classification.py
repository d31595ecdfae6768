"""The page of named entities, used in a real browser on a fresh server."""

import re

import pytest
from playwright.sync_api import Page, expect

from explainers import TASKS
from tests.pages.conftest import PATIENCE, watch
from tests.support import page_actions
from tests.support.browser import Server

EXAMPLES = {example.label: dict(example.inputs)["text"] for example in TASKS["token_classification"].examples}


@pytest.fixture
def opened(page: Page, server: Server) -> Page:
    page.goto(f"{server.url}/token_classification?method=saliency")
    expect(page.get_by_role("button", name="Explain")).to_be_visible()
    return page


def entities(page: Page) -> list[str]:
    """The entities of the text as they are read, once they are there."""
    page.locator("button.wf-e").first.wait_for(timeout=3 * PATIENCE)
    return page.locator("button.wf-e").all_inner_texts()


def ready(page: Page, said: str) -> None:
    page_actions.told(page, said)


def test_entities_are_found_in_the_text_and_a_click_or_a_key_chooses_their_map(opened):
    opened.get_by_role("radio", name="Paris twice").click()
    assert entities(opened) == ["Paris Miller PER", "Paris LOC", "Jordan PER", "Jordan LOC"]
    text = opened.get_by_role("group", name="The text with its entities").inner_text()
    assert re.sub(r" (PER|LOC)\b", "", text) == EXAMPLES["Paris twice"]
    ready(opened, "The model labels Paris Miller as PER")
    first = opened.locator(".wf-map").inner_html()
    opened.locator("button.wf-e", has_text="Paris LOC").click()
    ready(opened, "The model labels Paris as LOC")
    expect(opened.locator("button.wf-e[aria-pressed=true]")).to_have_text(re.compile("Paris.*LOC"))
    assert opened.locator(".wf-map").inner_html() != first
    expect(opened.get_by_role("radio", name=re.compile("^Paris: LOC"))).to_be_checked()
    opened.locator("button.wf-e").nth(3).focus()
    opened.keyboard.press("Enter")
    ready(opened, "The model labels Jordan as LOC")
    opened.get_by_role("radio", name=re.compile("^Jordan: PER")).click()
    ready(opened, "The model labels Jordan as PER")
    expect(opened.locator("button.wf-e[aria-pressed=true]")).to_have_text(re.compile("Jordan.*PER"))


def test_an_entity_is_asked_why_it_is_not_of_another_class_and_a_link_keeps_the_question(opened, browser):
    opened.get_by_role("radio", name="Paris twice").click()
    entities(opened)
    page_actions.choose(opened, "Explain", "Paris: LOC")
    page_actions.choose(opened, "Rather than", "B-PER")
    opened.get_by_role("button", name="Explain").click()
    ready(opened, "Why Paris as LOC rather than B-PER?")
    assert entities(opened) == ["Paris LOC"]
    expect(opened.locator("span.wf-e")).to_have_count(3)  # the others are named, and not explained
    assert "position=" in opened.url
    mine = opened.locator(".wf-map").inner_html()
    opened.get_by_role("button", name="Copy link").click()
    link = opened.get_by_test_id("stPopoverBody").locator("code").inner_text()
    other = browser.new_context()
    guest, problems = other.new_page(), []
    watch(guest, problems)
    guest.goto(link)
    ready(guest, "Why Paris as LOC rather than B-PER?")
    assert guest.locator(".wf-map").inner_html() == mine
    other.close()
    assert problems == []


def test_a_text_without_names_or_with_markup_for_names_is_told_and_shown_as_it_is(opened):
    box = opened.get_by_role("textbox", name="Text", exact=True)
    box.fill("it rained and we got lost")
    box.press("Control+Enter")
    expect(opened.get_by_role("alert")).to_contain_text("finds no entity in this text")
    assert box.input_value() == "it rained and we got lost"
    evil = "Clara Weiss wrote <img src=x onerror=alert(1)> in Vienna, \u202eOslo\u202c and مدينة"
    box.fill(evil)
    box.press("Control+Enter")
    assert entities(opened)
    shown = opened.get_by_role("group", name="The text with its entities").inner_text()
    assert "<img src=x onerror=alert(1)>" in re.sub(r" (PER|LOC|ORG|MISC)\b", "", shown)
    assert "\u202e" not in shown
    assert opened.locator("img[src=x]").count() == 0


def test_nothing_scrolls_sideways_on_a_phone(browser, server):
    phone = browser.new_context(viewport={"width": 360, "height": 740}, color_scheme="dark")
    page, problems = phone.new_page(), []
    watch(page, problems)
    page.goto(f"{server.url}/token_classification")
    page.get_by_role("radio", name="A new job").click()
    entities(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    phone.close()
    assert problems == []
