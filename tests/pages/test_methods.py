"""Choosing a method: what kind it is, and what it tells of its own chance."""

import re

from playwright.sync_api import Page, expect

from tests.support import page_actions
from tests.support.browser import Server


def test_a_method_says_of_what_kind_it_is_and_one_that_draws_by_chance_how_far_other_draws_would_move_it(
    page: Page, server: Server
):
    page_actions.visit(page, server, "text_classification")
    page_actions.choose(page, "Method", "Attention")
    expect(page.get_by_text("Attention: It shows how much the model attends")).to_be_visible()
    expect(page.get_by_role("spinbutton", name="Head")).to_be_visible()
    page_actions.choose(page, "Method", "LIME")
    expect(page.get_by_text("Perturbation: It removes parts")).to_be_visible()
    expect(page.get_by_role("spinbutton", name="Head")).to_have_count(0)
    page_actions.explain(page, {"Text": "A clever film, but slow."})
    assert dict(page_actions.scores(page))["clever"].count("±") == 1
    moved = re.compile(r"Another random seed would change these scores by about ± [\d.]+ %")
    expect(page.get_by_text(moved)).to_be_visible()
