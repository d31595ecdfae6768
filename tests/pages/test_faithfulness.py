"""The panel that checks an explanation, in a real browser on a model of several labels."""

import json
import re

import pytest
from playwright.sync_api import Download, Page, expect

from tests.support.page_actions import choose, explain, open_task, read_texts, save_model, wait_until_settled
from tests.support.sentences import HOSTILE

KEY = "multi_label_classification"
FOREIGN = (HOSTILE["image"], HOSTILE["style"], HOSTILE["markdown"])
TEXT = "The lake was quiet, and nobody had told the heron that the season was over."


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Save a tiny model whose labels are hostile text."""
    return save_model(tmp_path_factory.mktemp("model"), "bert", FOREIGN, problem_type="multi_label_classification")


def download_check(page: Page, kind: str) -> Download:
    with page.expect_download() as download:
        page.get_by_role("button", name=f"Download check, {kind}").click()
    return download.value


def test_an_explanation_is_checked_on_request_and_the_sentence_says_how_it_compares_with_chance(
    page, server, folder, tmp_path
):
    open_task(page, server, KEY, model=folder, method="input_x_gradient", labels=3)
    explain(page, {"Text": TEXT})
    read_texts(page)
    page.get_by_text("Check it", exact=True).click()
    button = page.get_by_role("button", name="Check this explanation")
    expect(button).to_be_visible()
    expect(page.locator(".js-plotly-plot")).to_have_count(0)
    wait_until_settled(page)  # no list is closing
    choose(page, "Explanation to check", 1)
    button.click()
    expect(page.locator(".js-plotly-plot")).to_have_count(2)
    expect(page.locator(".wf-measures tbody tr")).to_have_count(4)
    download_check(page, "JSON").save_as(tmp_path / "check.json")
    check = json.loads((tmp_path / "check.json").read_text())
    assert (check["row"], check["piece"], check["pieces"]) == (1, "word", 17)
    assert check["target"]["label"] in FOREIGN
    sentence = page.locator(".wf-said").last
    expect(sentence).to_contain_text(check["target"]["label"])
    expect(sentence).to_contain_text(re.compile("(cannot|not) .*chance"))
    assert check["verdict"] == "cannot be told from chance"
    download_check(page, "CSV").save_as(tmp_path / "check.csv")
    assert len((tmp_path / "check.csv").read_text().splitlines()) == 1 + len(check["fractions"])
    answer = page.get_by_role("status")
    expect(answer).not_to_contain_text("chance")  # the explanation of the first label is not checked
    page.get_by_role("radiogroup", name="Explained").get_by_role("radio").nth(1).click()
    expect(answer).to_contain_text(re.compile("(cannot|not) .*chance"))
