"""The models page: the catalogue, whole, and a way from each model to its task."""

from playwright.sync_api import Page, expect

from explainers import CARDS

from .browser import Server


def test_every_model_of_the_catalogue_is_there_with_what_is_known_of_it(page: Page, server: Server):
    page.goto(f"{server.url}/models")
    expect(page.get_by_role("heading", name="Models", exact=True)).to_be_visible()
    for card in CARDS.values():
        expect(page.get_by_role("heading", name=card.label, exact=True)).to_be_visible()
        expect(page.get_by_role("cell", name=card.key, exact=True)).to_be_visible()
    page.get_by_role("link", name="Explain it").nth(1).click()
    expect(page.get_by_role("heading", name="Text classification")).to_be_visible()
    second = list(CARDS.values())[1]
    expect(page.get_by_role("combobox", name="Model")).to_have_value(f"{second.label}, needs the model hub")
