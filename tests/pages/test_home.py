"""The cards of the home page, in a real browser."""

import re

from playwright.sync_api import Page, expect

from explainers.analyses.gallery import GALLERY
from tests.pages.conftest import PATIENCE
from tests.support.browser import Server
from tests.support.page_actions import wait_for_sentence

BEST, EMPTY = (showcase for showcase in GALLERY if showcase.title in ("Fooled by “best”", "Sure of an empty word"))


def test_each_card_leads_to_its_result(page: Page, server: Server):
    page.goto(server.url)
    expect(page.get_by_role("link", name=BEST.title)).to_be_visible(timeout=4 * PATIENCE)  # below the first explanation
    for showcase in (BEST, EMPTY):
        page.get_by_role("link", name=showcase.title).click()
        expect(page.get_by_role("heading", name="Text classification")).to_be_visible()
        text = dict(showcase.request.inputs)["text"]
        expect(page.get_by_role("textbox", name="Text", exact=True)).to_have_value(text)
        expect(page.locator(".wf-map")).to_have_text(text)
        wait_for_sentence(page, re.compile(f"{showcase.claim.prediction}.*“{showcase.claim.strongest}”"))
        assert "z=" in page.url  # the address shows the same result to others
        page.get_by_role("link", name="Home").click()
        expect(page.get_by_role("heading", name="Wherefore")).to_be_visible()
