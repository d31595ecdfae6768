"""The panel that attacks a result, used in a real browser: nothing runs before its button, and the truth is told."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from explainers import TASKS, Request, predict
from tests.pages.conftest import PATIENCE
from tests.support import page_actions
from tests.support.browser import Server

MEAL = next(dict(e.inputs)["text"] for e in TASKS["text_classification"].examples if e.label == "A bad meal")
WORD = re.compile(r"\w+")
EVIL = "A wonderful <img src=x onerror=alert(1)> cast 👍🏽"


@pytest.fixture
def opened(page: Page, server: Server) -> Page:
    return page_actions.visit(page, server, "text_classification", model="sentiment", method="saliency")


def attack_panel(page: Page) -> None:
    """Open the panel, which does nothing by itself."""
    page_actions.maps(page)
    page.get_by_role("radio", name="Attack it").click()
    expect(page.get_by_role("button", name="Attack", exact=True)).to_be_visible()
    expect(page.locator(".wf-diff")).to_have_count(0)


def protect(page: Page, words: str) -> None:
    box = page.get_by_role("textbox", name="Words that must stay")
    box.fill(words)
    box.press("Enter")


def attacked(page: Page, told: str) -> Locator:
    """Press the button, and wait for what came of it."""
    page.get_by_role("button", name="Attack", exact=True).click()
    said = page.get_by_role("status").nth(1)
    expect(said).to_contain_text(told, timeout=4 * PATIENCE)
    return said


def says(text: str) -> str:
    return str(predict(Request("text_classification", "sentiment", {"text": text})).targets[0].label)


def test_words_are_swapped_and_dropped_only_when_asked_and_what_the_panel_says_is_what_the_model_says(opened):
    opened.get_by_role("radio", name="A bad meal").click()
    attack_panel(opened)
    told = attacked(opened, "makes the model say POSITIVE").inner_text()
    gone, came, now = page_actions.changed(opened)
    assert all(f"“{old}” → “{new}”" in told for old, new in zip(gone, came, strict=True))
    assert now != MEAL
    assert (says(MEAL), says(now)) == ("NEGATIVE", "POSITIVE")
    expect(opened.locator(".js-plotly-plot")).to_contain_text("words changed, step by step")
    opened.get_by_text("Every step", exact=True).click()
    expect(opened.get_by_test_id("stDataFrame")).to_be_visible()

    opened.get_by_role("radio", name="Drop words").click()
    protect(opened, "Soup, bill")
    expect(opened.get_by_text("settings have changed since this attack")).to_be_visible()
    expect(opened.get_by_role("combobox", name="Make it say")).to_have_count(0)  # the answer is to stay
    attacked(opened, "is enough: the model still predicts NEGATIVE")
    _, came, least = page_actions.changed(opened)
    assert came == []
    assert {"soup", "bill"} <= set(WORD.findall(least)) < set(WORD.findall(MEAL))
    opened.get_by_role("button", name="Explain the changed text").click()
    left = re.compile(r"^\W*" + r"\W+".join(WORD.findall(least)) + r"\W*$")  # fewer spaces than between struck words
    expect(opened.get_by_role("textbox", name="Text", exact=True)).to_have_value(left)
    expect(opened.locator(".wf-map").first).to_have_text(left)
    expect(opened.get_by_role("status").first).to_contain_text("The model predicts NEGATIVE")


def test_an_attack_that_may_change_nothing_says_that_it_failed_and_markup_in_a_text_stays_text(opened):
    page_actions.explain(opened, {"Text": EVIL})
    attack_panel(opened)
    protect(opened, EVIL)
    said = attacked(opened, "No attack was found")
    expect(said).to_contain_text("No attack was found that changes the prediction.")
    expect(opened.locator(".wf-diff, .js-plotly-plot")).to_have_count(0)
    protect(opened, "cast")
    attacked(opened, "“")
    gone, came, now = page_actions.changed(opened)
    assert len(gone) == len(came) > 0
    assert "cast" not in gone
    assert now.endswith("👍🏽")
    expect(opened.locator(".wf-diff img")).to_have_count(0)
