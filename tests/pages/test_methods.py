"""Choosing a method: its family, and the standard error of its scores."""

import re

from playwright.sync_api import Page, expect

from tests.support import page_actions
from tests.support.browser import Server


def test_a_method_shows_its_family_and_a_random_one_its_standard_error(page: Page, server: Server):
    page_actions.open_task(page, server, "text_classification")
    page_actions.choose(page, "Method", "Attention")
    expect(page.get_by_text(re.compile("^Attention: "))).to_be_visible()
    expect(page.get_by_role("spinbutton", name="Head")).to_be_visible()
    page_actions.choose(page, "Method", "LIME")
    expect(page.get_by_text(re.compile("^Parts taken away: "))).to_be_visible()
    expect(page.get_by_role("spinbutton", name="Head")).to_have_count(0)
    page_actions.explain(page, {"Text": "A clever film, but slow."})
    assert dict(page_actions.read_scores(page))["clever"].count("±") == 1
    spread = re.compile(r"random .*± [\d.]+ %")
    expect(page.get_by_text(spread)).to_be_visible()
