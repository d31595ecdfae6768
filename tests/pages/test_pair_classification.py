"""The pair classification page, used in a real browser."""

import re

import pytest
from playwright.sync_api import expect

from explainers import TASKS
from tests.support.nli import NLI
from tests.support.page_actions import downloaded, explain, link, maps, saved, scores, seen_by_a_guest, told, visit
from tests.support.sentences import HOSTILE

KEY = "pair_classification"
EXAMPLES = {example.label: [text for _, text in example.inputs] for example in TASKS[KEY].examples}
A, B = "The lake was quiet.", "The birds had the sky."


@pytest.fixture(scope="module")
def nli(tmp_path_factory):
    return saved(tmp_path_factory.mktemp("nli"), "bert", NLI)


@pytest.fixture(scope="module")
def relevance(tmp_path_factory):
    return saved(tmp_path_factory.mktemp("relevance"), "bert", ("relevant",))


def test_an_example_shows_both_texts_whole_on_the_bundled_model_without_a_sigmoid(page, server):
    visit(page, server, KEY, model="similarity")
    page.get_by_role("radio", name="Same words, other meaning").click()
    assert maps(page) == EXAMPLES["Same words, other meaning"]
    told(page, re.compile(r"The model gives SIMILARITY [−\d.]+\."))
    expect(page.locator(".wf-legend")).to_have_count(1)  # one scale for both
    assert page.locator(".wf-field").all_inner_texts() == ["First text", "Second text"]


def test_any_class_can_be_explained_rather_than_any_other(page, server, nli):
    visit(page, server, KEY, model=nli, target="neutral", foil="contradiction")
    explain(page, {"First text": A, "Second text": B})
    told(page, "This explains neutral rather than contradiction")
    assert "foil=contradiction" in page.url


def test_an_only_number_is_explained_towards_its_other_end_too(page, server, relevance):
    visit(page, server, KEY, model=relevance)
    explain(page, {"First text": A, "Second text": B})
    expect(page.locator(".wf-legend")).to_contain_text("towards relevant")
    up = scores(page)
    visit(page, server, KEY, model=relevance, towards="0")
    explain(page, {"First text": A, "Second text": B})
    expect(page.locator(".wf-legend")).to_contain_text("towards not relevant")
    signs = str.maketrans("+−", "−+")
    assert scores(page) == [[word, score.translate(signs)] for word, score in up]


def test_a_pair_goes_to_somebody_else_by_link_and_by_file(page, server, nli, browser, tmp_path):
    visit(page, server, KEY, model=nli, unit="logit")
    explain(page, {"First text": A, "Second text": HOSTILE["emoji"]})
    assert maps(page) == [A, HOSTILE["emoji"]]
    mine = scores(page)
    found, html, csv = downloaded(page, tmp_path)
    assert found.request.texts == {"text_a": A, "text_b": HOSTILE["emoji"]}
    assert found.unit == "logit"
    assert '"text_b"' in csv
    assert seen_by_a_guest(browser, html.as_uri(), offline=True) == mine
    assert seen_by_a_guest(browser, link(page)) == mine


def test_an_empty_half_is_asked_for_and_hostile_text_shows_as_text(page, server, nli):
    visit(page, server, KEY, model=nli)
    explain(page, {"First text": A, "Second text": ""})
    expect(page.get_by_role("alert").filter(has_text="Second text is empty")).to_be_visible()
    assert page.get_by_role("textbox", name="First text").input_value() == A
    explain(page, {"First text": HOSTILE["image"], "Second text": HOSTILE["arabic"]})
    assert maps(page) == [HOSTILE["image"], HOSTILE["arabic"]]


def test_a_model_for_another_task_is_answered_with_what_to_do(page, server):
    visit(page, server, KEY, model="sentiment").get_by_role("button", name="Explain").click()
    expect(page.get_by_role("alert").filter(has_text="Choose one for pair classification")).to_be_visible()
