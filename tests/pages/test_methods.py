"""Choosing a method: its family, and the standard error of its scores."""

import re

from playwright.sync_api import Page, expect

from explainers import METHODS
from explainers.registry import FAMILIES
from tests.support import page_actions
from tests.support.browser import Server


def describe_family(method: str) -> str:
    """Return what a page says about the family of a method."""
    family = FAMILIES[METHODS[method].family]
    return f"{family.label}: {family.summary}"


def test_a_method_shows_its_family_and_a_random_one_its_standard_error(page: Page, server: Server):
    page_actions.open_task(page, server, "text_classification")
    page_actions.choose(page, "Method", "Attention")
    expect(page.get_by_text(describe_family("attention"))).to_be_visible()
    expect(page.get_by_role("spinbutton", name="Head")).to_be_visible()
    page_actions.choose(page, "Method", "LIME")
    expect(page.get_by_text(describe_family("lime"))).to_be_visible()
    expect(page.get_by_role("spinbutton", name="Head")).to_have_count(0)
    page_actions.explain(page, {"Text": "A clever film, but slow."})
    assert dict(page_actions.read_scores(page))["clever"].count("±") == 1
    spread = re.compile(r"random .*± [\d.]+ %")
    expect(page.get_by_text(spread)).to_be_visible()
