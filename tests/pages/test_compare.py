"""Comparisons, on the Compare page and in the panel of a result, in a real browser."""

import re
from urllib.parse import parse_qs, urlencode, urlsplit

from playwright.sync_api import Page, expect

from explainers import TASKS, Request
from explainers.analyses.variants import ComparisonRequest
from tests.pages.conftest import PATIENCE, collect_problems
from tests.support import page_actions
from tests.support.browser import Server

EVIL = "A good <img src=x onerror=alert(1)> film, \u202eslowly\u202c told and مدهش but never **dull**."
EXAMPLES = {example.label: dict(example.inputs)["text"] for example in TASKS["text_classification"].examples}
ENDS = ComparisonRequest(
    "baseline", Request("text_classification", "sentiment", {}, params={"tolerance": 0.05}), ("pad", "zeros", "mean")
)


def read_texts(page: Page, count: int) -> list[str]:
    """Return the text of each heatmap once there are `count`."""
    expect(page.locator(".wf-map")).to_have_count(count, timeout=3 * PATIENCE)
    return page.locator(".wf-map").all_inner_texts()


def read_scores(page: Page) -> list[str]:
    scores: list[str] = page.locator(".wf-t").evaluate_all("all => all.map(one => one.dataset.n)")
    return scores


def test_explanations_with_several_baselines_share_one_colour_scale_and_a_link_restores_them(
    page: Page, server: Server, browser
):
    page.goto(f"{server.url}/compare?{urlencode(ENDS.to_query())}")
    expect(page.get_by_role("combobox", name="Method")).to_have_value("Integrated gradients", timeout=4 * PATIENCE)
    page.get_by_role("radio", name="A bad meal").click()
    count = len(ENDS.values)
    assert set(read_texts(page, count)) == {EXAMPLES["A bad meal"]}
    expect(page.get_by_text(re.compile("^One colour scale"))).to_be_visible()
    legends = page.locator(".wf-legend").all_inner_texts()
    assert len({legend.split("Full colour")[1] for legend in legends}) == 1
    page_actions.wait_for_sentence(page, re.compile(r"(Pad|Zeros|Mean).*\d\.\d"))
    expect(page.locator(".js-plotly-plot")).to_have_count(2)
    expect(page.get_by_test_id("stDataFrame")).to_be_visible()
    assert "soup" not in page.url
    assert parse_qs(urlsplit(page.url).query)["among"] == ["pad|zeros|mean"]
    mine, link = read_scores(page), page_actions.copy_link(page)
    phone = browser.new_context(viewport={"width": 360, "height": 740}, color_scheme="dark")
    guest, problems = phone.new_page(), []
    collect_problems(guest, problems)
    guest.goto(link)
    read_texts(guest, count)
    assert read_scores(guest) == mine
    assert guest.evaluate("document.documentElement.scrollWidth") <= 360
    left = {round(box["x"]) for box in (m.bounding_box() for m in guest.locator(".wf-map").all())}
    assert len(left) == 1  # below each other
    phone.close()
    assert problems == []


def test_a_result_is_compared_with_another_text_and_with_randomised_weights(page: Page, server: Server):
    page_actions.open_task(page, server, "text_classification", method="saliency")
    page_actions.explain(page, {"Text": EVIL})
    page.locator(".wf-map").wait_for(timeout=3 * PATIENCE)
    page.get_by_role("radio", name="Compare").click()
    page.get_by_role("radio", name="Two texts").click()
    other = page.get_by_role("textbox", name="Text, to compare with")
    other.fill(EVIL.replace("good", "bad"))
    page.get_by_role("button", name="Compare", exact=True).click()  # at once: the server does not have the text yet
    first, second, third = read_texts(page, 3)
    assert first == second == third.replace("bad", "good")
    assert "<img src=x onerror=alert(1)>" in second
    assert "**dull**" in second
    expect(page.get_by_role("status").last).to_contain_text("rank correlation")
    page.get_by_role("button", name="Check which are faithful").click()
    summary = page.get_by_role("paragraph").filter(has_text=re.compile("^None of these|most faithful"))
    expect(summary).to_be_visible(timeout=3 * PATIENCE)
    page.get_by_role("button", name="Randomise the weights").click()
    expect(page.get_by_text(re.compile("^With all weights random"))).to_be_visible(timeout=3 * PATIENCE)
    assert page.locator("img[src=x]").count() == 0
    page.get_by_role("button", name="Open on the Compare page").click()
    expect(page.get_by_role("heading", name="Compare", exact=True)).to_be_visible()
    assert read_texts(page, 2) == [second, third]
    assert page.get_by_role("textbox", name="Text, to compare with").input_value() == EVIL.replace("good", "bad")
    assert parse_qs(urlsplit(page.url).query)["by"] == ["text"]


def test_a_link_to_an_unknown_method_shows_a_warning_and_the_defaults(page, server):
    page.goto(f"{server.url}/compare?task=text_classification&by=method&among=saliency%7Ctea_leaves&method=saliency")
    expect(page.get_by_role("alert").filter(has_text="could not be opened")).to_contain_text("tea_leaves")
    expect(page.get_by_role("radio", name="Two texts")).to_be_visible()


def test_heatmaps_of_a_picture_are_drawn_side_by_side(page, server):
    page.goto(f"{server.url}/compare?task=image_classification&by=method&among=saliency%7Cinput_x_gradient")
    page.locator(".wf-photos button").first.click(timeout=4 * PATIENCE)
    expect(page.locator(".js-plotly-plot")).to_have_count(3, timeout=4 * PATIENCE)  # two pictures and their table
    page_actions.wait_for_sentence(page, "rank correlation")
    expect(page.get_by_role("radio", name="Two texts")).to_have_count(0)
