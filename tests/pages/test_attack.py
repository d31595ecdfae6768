"""The attack panel in a real browser."""

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
    return page_actions.open_task(page, server, "text_classification", model="sentiment", method="saliency")


def open_attack_panel(page: Page) -> None:
    """Open the panel; nothing runs before its button is pressed."""
    page_actions.read_texts(page)
    page.get_by_role("radio", name="Attack it").click()
    expect(page.get_by_role("button", name="Attack", exact=True)).to_be_visible()
    expect(page.locator(".wf-diff")).to_have_count(0)


def protect(page: Page, words: str) -> None:
    box = page.get_by_role("textbox", name="Words that must stay")
    box.fill(words)
    box.press("Enter")


def run_attack(page: Page, expected: str | re.Pattern[str]) -> Locator:
    """Press the button, and wait for the sentence of the result."""
    page.get_by_role("button", name="Attack", exact=True).click()
    sentence = page.get_by_role("status").nth(1)
    expect(sentence).to_contain_text(expected, timeout=4 * PATIENCE)
    return sentence


def predict_label(text: str) -> str:
    return str(predict(Request("text_classification", "sentiment", {"text": text})).targets[0].label)


def test_an_attack_runs_only_on_request_and_reports_what_the_model_predicts(opened):
    opened.get_by_role("radio", name="A bad meal").click()
    open_attack_panel(opened)
    sentence = run_attack(opened, re.compile("Changing.* POSITIVE")).inner_text()
    deleted, inserted, text = page_actions.read_diff(opened)
    assert all(f"“{old}” → “{new}”" in sentence for old, new in zip(deleted, inserted, strict=True))
    assert text != MEAL
    assert (predict_label(MEAL), predict_label(text)) == ("NEGATIVE", "POSITIVE")
    expect(opened.locator(".js-plotly-plot")).to_contain_text("words changed, step by step")
    opened.get_by_text("Every step", exact=True).click()
    expect(opened.get_by_test_id("stDataFrame")).to_be_visible()

    opened.get_by_role("radio", name="Drop words").click()
    protect(opened, "Soup, bill")
    expect(opened.get_by_text("settings have changed since this attack")).to_be_visible()
    expect(opened.get_by_role("combobox", name="Make it say")).to_have_count(0)  # the label must stay
    run_attack(opened, re.compile("enough.* NEGATIVE"))
    _, inserted, least = page_actions.read_diff(opened)
    assert inserted == []
    assert {"soup", "bill"} <= set(WORD.findall(least)) < set(WORD.findall(MEAL))
    opened.get_by_role("button", name="Explain the changed text").click()
    left = re.compile(r"^\W*" + r"\W+".join(WORD.findall(least)) + r"\W*$")  # without the spaces between deleted words
    expect(opened.get_by_role("textbox", name="Text", exact=True)).to_have_value(left)
    expect(opened.locator(".wf-map").first).to_have_text(left)
    expect(opened.get_by_role("status").first).to_contain_text("NEGATIVE")


def test_an_attack_without_editable_words_reports_failure_and_markup_is_shown_as_text(opened):
    page_actions.explain(opened, {"Text": EVIL})
    open_attack_panel(opened)
    protect(opened, EVIL)
    run_attack(opened, re.compile("No attack was found.* No word is left"))
    expect(opened.locator(".wf-diff, .js-plotly-plot")).to_have_count(0)
    protect(opened, "cast")
    run_attack(opened, "“")
    deleted, inserted, text = page_actions.read_diff(opened)
    assert len(deleted) == len(inserted) > 0
    assert "cast" not in deleted
    assert text.endswith("👍🏽")
    expect(opened.locator(".wf-diff img")).to_have_count(0)
