"""Comparisons, on their own page and under a result, used in a real browser on a fresh server."""

import re
from urllib.parse import parse_qs, urlencode, urlsplit

from playwright.sync_api import Page, expect

from explainers import TASKS, Request
from explainers.analyses.variants import ComparisonRequest
from tests.pages.conftest import PATIENCE, watch
from tests.support import page_actions
from tests.support.browser import Server

EVIL = "A good <img src=x onerror=alert(1)> film, \u202eslowly\u202c told and مدهش but never **dull**."
EXAMPLES = {example.label: dict(example.inputs)["text"] for example in TASKS["text_classification"].examples}
ENDS = ComparisonRequest(
    "baseline", Request("text_classification", "sentiment", {}, params={"tolerance": 0.05}), ("pad", "zeros", "mean")
)


def maps(page: Page, count: int) -> list[str]:
    """The texts of the maps once all are there."""
    expect(page.locator(".wf-map")).to_have_count(count, timeout=3 * PATIENCE)
    return page.locator(".wf-map").all_inner_texts()


def numbers(page: Page) -> list[str]:
    found: list[str] = page.locator(".wf-t").evaluate_all("all => all.map(one => one.dataset.n)")
    return found


def test_baselines_stand_side_by_side_on_one_scale_and_a_link_brings_them_back(page: Page, server: Server, browser):
    page.goto(f"{server.url}/compare?{urlencode(ENDS.to_query())}")
    expect(page.get_by_role("combobox", name="Method")).to_have_value("Integrated gradients", timeout=4 * PATIENCE)
    page.get_by_role("radio", name="A bad meal").click()
    count = len(ENDS.values)
    assert set(maps(page, count)) == {EXAMPLES["A bad meal"]}
    expect(page.get_by_text(re.compile("One colour scale for all"))).to_be_visible()
    legends = page.locator(".wf-legend").all_inner_texts()
    assert len({legend.split("Full colour")[1] for legend in legends}) == 1
    page_actions.told(page, "alike")
    expect(page.locator(".js-plotly-plot")).to_have_count(2)
    expect(page.get_by_test_id("stDataFrame")).to_be_visible()
    assert "soup" not in page.url
    assert parse_qs(urlsplit(page.url).query)["among"] == ["pad|zeros|mean"]
    mine, link = numbers(page), page_actions.link(page)
    phone = browser.new_context(viewport={"width": 360, "height": 740}, color_scheme="dark")
    guest, problems = phone.new_page(), []
    watch(guest, problems)
    guest.goto(link)
    maps(guest, count)
    assert numbers(guest) == mine
    assert guest.evaluate("document.documentElement.scrollWidth") <= 360
    left = {round(box["x"]) for box in (m.bounding_box() for m in guest.locator(".wf-map").all())}
    assert len(left) == 1  # below each other
    phone.close()
    assert problems == []


def test_a_result_is_compared_with_another_text_and_a_model_that_forgets(page: Page, server: Server):
    page_actions.visit(page, server, "text_classification", method="saliency")
    page_actions.explain(page, {"Text": EVIL})
    page.locator(".wf-map").wait_for(timeout=3 * PATIENCE)
    page.get_by_role("radio", name="Compare").click()
    page.get_by_role("radio", name="Two texts").click()
    other = page.get_by_role("textbox", name="Text, to compare with")
    other.fill(EVIL.replace("good", "bad"))
    page.get_by_role("button", name="Compare", exact=True).click()  # at once: the page has not heard of the text yet
    first, second, third = maps(page, 3)
    assert first == second == third.replace("bad", "good")
    assert "<img src=x onerror=alert(1)>" in second
    assert "**dull**" in second
    expect(page.get_by_role("status").last).to_contain_text("These two explanations")
    page.get_by_role("button", name="Check which are faithful").click()
    told = page.get_by_text(re.compile("is the most faithful|None of these explanations beats chance"))
    expect(told).to_be_visible(timeout=3 * PATIENCE)
    page.get_by_role("button", name="Randomise the weights").click()
    expect(page.get_by_text(re.compile("With all weights random"))).to_be_visible(timeout=3 * PATIENCE)
    assert page.locator("img[src=x]").count() == 0
    page.get_by_role("button", name="Open on the Compare page").click()
    expect(page.get_by_role("heading", name="Compare", exact=True)).to_be_visible()
    assert maps(page, 2) == [second, third]
    assert page.get_by_role("textbox", name="Text, to compare with").input_value() == EVIL.replace("good", "bad")
    assert parse_qs(urlsplit(page.url).query)["by"] == ["text"]


def test_what_cannot_be_compared_is_said_and_a_link_to_what_we_do_not_have_shows_the_defaults(page, server):
    page.goto(f"{server.url}/compare?task=text_classification&by=method&among=saliency%7Ctea_leaves&method=saliency")
    expect(page.get_by_role("alert").filter(has_text="could not be opened")).to_contain_text("tea_leaves")
    expect(page.get_by_role("radio", name="Two texts")).to_be_visible()


def test_maps_of_a_picture_stand_side_by_side_on_it(page, server):
    page.goto(f"{server.url}/compare?task=image_classification&by=method&among=saliency%7Cinput_x_gradient")
    page.locator(".wf-photos button").first.click(timeout=4 * PATIENCE)
    expect(page.locator(".js-plotly-plot")).to_have_count(3, timeout=4 * PATIENCE)  # two pictures and their table
    page_actions.told(page, "These two explanations")
    expect(page.get_by_role("radio", name="Two texts")).to_have_count(0)
