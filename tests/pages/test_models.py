"""The models page: the whole catalogue by task, and a link from each model to the page of its task."""

from playwright.sync_api import Page, expect

from explainers import CARDS
from explainers.models.catalogue import BUNDLED, HUB
from explainers.visualization.summaries.model_card import list_facts
from pages.common.navigation import TASK_PAGES
from tests.support.browser import Server

TITLES = {key: title for key, title, _ in TASK_PAGES}


def test_every_model_is_listed_under_each_of_its_tasks(page: Page, server: Server):
    page.goto(f"{server.url}/models")
    expect(page.get_by_role("heading", name="Models", exact=True)).to_be_visible()
    for card in CARDS.values():
        expect(page.get_by_text(card.label, exact=True)).to_have_count(len(card.tasks))
        for task in card.tasks:
            expect(page.get_by_role("heading", name=TITLES[task], exact=True)).to_be_visible()
    for card in BUNDLED:
        expect(page.locator("p", has_text=card.score)).to_have_count(len(card.tasks))


def test_filters_keep_one_task_and_models_without_a_download(page: Page, server: Server):
    page.goto(f"{server.url}/models")
    page.get_by_role("radio", name="Text classification").click()
    expect(page.get_by_role("heading", name="Image classification")).to_have_count(0)
    sentiment, other = CARDS["sentiment"], HUB[0]
    expect(page.get_by_text(other.label, exact=True)).to_be_visible()
    page.get_by_text("Only models that need no download").click()
    expect(page.get_by_text(other.label, exact=True)).to_have_count(0)
    expect(page.get_by_text(sentiment.label, exact=True)).to_be_visible()


def test_the_details_of_a_model_are_all_its_facts(page: Page, server: Server):
    page.goto(f"{server.url}/models")
    page.get_by_text("Details").first.click()
    for name, value in list_facts(next(iter(CARDS.values()))):
        expect(page.get_by_role("row", name=f"{name} {value}", exact=True)).to_be_visible()


def test_a_model_links_to_the_page_of_its_task_with_the_model_chosen(page: Page, server: Server):
    page.goto(f"{server.url}/models")
    page.get_by_role("radio", name="Text classification").click()
    expect(page.get_by_role("heading", name="Image classification")).to_have_count(0)
    second = [card for card in CARDS.values() if "text_classification" in card.tasks][1]
    page.get_by_role("link", name="Use this model").nth(1).click()
    expect(page.get_by_role("heading", name="Text classification")).to_be_visible()
    expect(page.get_by_role("combobox", name="Model")).to_have_value(f"{second.label}, needs a download")
