"""The pair classification page, used in a real browser."""

import re

import pytest
from playwright.sync_api import expect

from explainers import TASKS
from tests.support.nli import NLI
from tests.support.page_actions import (
    copy_link,
    download_files,
    explain,
    open_task,
    read_scores,
    read_scores_as_guest,
    read_texts,
    save_model,
    wait_for_sentence,
)
from tests.support.sentences import HOSTILE

KEY = "pair_classification"
EXAMPLES = {example.label: [text for _, text in example.inputs] for example in TASKS[KEY].examples}
A, B = "The lake was quiet.", "The birds had the sky."


@pytest.fixture(scope="module")
def nli(tmp_path_factory):
    return save_model(tmp_path_factory.mktemp("nli"), "bert", NLI)


@pytest.fixture(scope="module")
def relevance(tmp_path_factory):
    return save_model(tmp_path_factory.mktemp("relevance"), "bert", ("relevant",))


def test_an_example_on_the_bundled_similarity_model_shows_both_texts(page, server):
    open_task(page, server, KEY, model="similarity")
    page.get_by_role("radio", name="Same words, other meaning").click()
    assert read_texts(page) == EXAMPLES["Same words, other meaning"]
    wait_for_sentence(page, re.compile(r"SIMILARITY [−\d.]+"))
    expect(page.locator(".wf-legend")).to_have_count(1)  # one colour scale for both
    assert page.locator(".wf-field").all_inner_texts() == ["First text", "Second text"]


def test_a_class_is_explained_rather_than_another(page, server, nli):
    open_task(page, server, KEY, model=nli, target="neutral", foil="contradiction")
    explain(page, {"First text": A, "Second text": B})
    wait_for_sentence(page, re.compile("neutral.* rather than contradiction"))
    assert "foil=contradiction" in page.url


def test_a_single_score_is_explained_in_both_directions(page, server, relevance):
    open_task(page, server, KEY, model=relevance)
    explain(page, {"First text": A, "Second text": B})
    expect(page.locator(".wf-legend")).to_contain_text("towards relevant")
    up = read_scores(page)
    open_task(page, server, KEY, model=relevance, towards="0")
    explain(page, {"First text": A, "Second text": B})
    expect(page.locator(".wf-legend")).to_contain_text("towards not relevant")
    signs = str.maketrans("+−", "−+")
    assert read_scores(page) == [[word, score.translate(signs)] for word, score in up]


def test_a_pair_is_shared_by_link_and_by_file(page, server, nli, browser, tmp_path):
    open_task(page, server, KEY, model=nli, unit="logit")
    explain(page, {"First text": A, "Second text": HOSTILE["emoji"]})
    assert read_texts(page) == [A, HOSTILE["emoji"]]
    mine = read_scores(page)
    explanation, html, csv = download_files(page, tmp_path)
    assert explanation.request.texts == {"text_a": A, "text_b": HOSTILE["emoji"]}
    assert explanation.unit == "logit"
    assert '"text_b"' in csv
    assert read_scores_as_guest(browser, html.as_uri(), offline=True) == mine
    assert read_scores_as_guest(browser, copy_link(page)) == mine


def test_an_empty_second_text_is_refused_and_hostile_text_is_shown_as_text(page, server, nli):
    open_task(page, server, KEY, model=nli)
    explain(page, {"First text": A, "Second text": ""})
    expect(page.get_by_role("alert").filter(has_text="Second text is empty")).to_be_visible()
    assert page.get_by_role("textbox", name="First text").input_value() == A
    explain(page, {"First text": HOSTILE["image"], "Second text": HOSTILE["arabic"]})
    assert read_texts(page) == [HOSTILE["image"], HOSTILE["arabic"]]


def test_a_model_for_another_task_is_refused_with_advice(page, server):
    open_task(page, server, KEY, model="sentiment").get_by_role("button", name="Explain").click()
    expect(page.get_by_role("alert").filter(has_text="pair classification")).to_be_visible()
