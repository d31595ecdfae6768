"""The panel that checks a map, used in a real browser on a model of several labels."""

import json

import pytest
from playwright.sync_api import Download, Page, expect

from tests.support.page_actions import choose, explain, maps, saved, settled, visit
from tests.support.sentences import HOSTILE

KEY = "multi_label_classification"
FOREIGN = (HOSTILE["image"], HOSTILE["style"], HOSTILE["markdown"])
TEXT = "The lake was quiet, and nobody had told the heron that the season was over."


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tiny model whose labels are foreign text."""
    return saved(tmp_path_factory.mktemp("model"), "bert", FOREIGN, problem_type="multi_label_classification")


def saved_check(page: Page, kind: str) -> Download:
    with page.expect_download() as download:
        page.get_by_role("button", name=f"Download check, {kind}").click()
    return download.value


def test_a_map_is_checked_when_asked_for_and_the_answer_says_what_was_found(page, server, folder, tmp_path):
    visit(page, server, KEY, model=folder, method="input_x_gradient", labels=3)
    explain(page, {"Text": TEXT})
    maps(page)
    page.get_by_text("Check it", exact=True).click()
    button = page.get_by_role("button", name="Check this explanation")
    expect(button).to_be_visible()
    expect(page.locator(".js-plotly-plot")).to_have_count(0)
    settled(page)  # no list closes
    choose(page, "Explanation to check", 1)
    button.click()
    expect(page.locator(".js-plotly-plot")).to_have_count(2)
    expect(page.locator(".wf-measures tbody tr")).to_have_count(4)
    saved_check(page, "JSON").save_as(tmp_path / "check.json")
    found = json.loads((tmp_path / "check.json").read_text())
    assert (found["row"], found["piece"], found["pieces"]) == (1, "word", 17)
    assert found["target"]["label"] in FOREIGN
    said = page.locator(".wf-said").last
    expect(said).to_contain_text(f"the probability of {found['target']['label']}")
    expect(said).to_contain_text("cannot be distinguished from chance")
    assert found["verdict"] == "cannot be told from chance"
    saved_check(page, "CSV").save_as(tmp_path / "check.csv")
    assert len((tmp_path / "check.csv").read_text().splitlines()) == 1 + len(found["fractions"])
    answer = page.get_by_role("status")
    expect(answer).not_to_contain_text("chance")  # the first label's map: nobody has checked that
    page.get_by_role("radiogroup", name="Explained").get_by_role("radio").nth(1).click()
    expect(answer).to_contain_text("it cannot be distinguished from chance.")
