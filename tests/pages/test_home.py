"""The home page's cards, clicked in a real browser."""

from playwright.sync_api import Page, expect

from explainers.analyses.gallery import SHOWCASES
from tests.pages.conftest import PATIENCE
from tests.support.browser import Server
from tests.support.page_actions import told

BEST, EMPTY = (showcase for showcase in SHOWCASES if showcase.title in ("Fooled by “best”", "Sure of an empty word"))


def test_a_card_leads_to_the_result_that_it_tells_of_and_so_does_the_next_one(page: Page, server: Server):
    page.goto(server.url)
    expect(page.get_by_role("link", name=BEST.title)).to_be_visible(timeout=4 * PATIENCE)  # below the first map
    for showcase in (BEST, EMPTY):
        page.get_by_role("link", name=showcase.title).click()
        expect(page.get_by_role("heading", name="Text classification")).to_be_visible()
        text = dict(showcase.request.inputs)["text"]
        expect(page.get_by_role("textbox", name="Text", exact=True)).to_have_value(text)
        expect(page.locator(".wf-map")).to_have_text(text)
        told(page, f"The model predicts {showcase.claim.says}")
        told(page, f"“{showcase.claim.strongest}” pushes hardest")
        assert "z=" in page.url  # whoever is sent the address sees the same
        page.get_by_role("link", name="Home").click()
        expect(page.get_by_role("heading", name="Wherefore")).to_be_visible()
