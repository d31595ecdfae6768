"""The zero-shot classification page, in a real browser."""

import re

import pytest
from playwright.sync_api import expect

from explainers import TASKS
from tests.support.nli import NLI
from tests.support.page_actions import (
    choose,
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

KEY = "zero_shot_classification"
EXAMPLES = {example.label: dict(example.inputs) for example in TASKS[KEY].examples}
TEXT, LABELS = "The lake was quiet.", "music, home, a great idea"


@pytest.fixture(scope="module")
def nli(tmp_path_factory):
    return save_model(tmp_path_factory.mktemp("nli"), "bert", NLI)


def explain_labels(page, text=TEXT, labels=LABELS, **more):
    explain(page, {"Text": text, "List of labels": labels, **more})


def find_labels(page):
    return page.get_by_role("radiogroup", name="Explained").get_by_role("radio")


def test_an_example_has_its_own_labels_and_each_is_explained(page, server, nli):
    open_task(page, server, KEY, model=nli)
    page.get_by_role("radio", name="Two at once").click()
    assert read_texts(page) == [EXAMPLES["Two at once"]["text"]]  # the hypotheses are hidden
    assert page.get_by_role("textbox", name="List of labels").input_value() == EXAMPLES["Two at once"]["labels"]
    assert page.get_by_role("textbox", name="Sentence for each label").input_value() == "This example is {}."
    shown = [text.split(" (")[0] for text in find_labels(page).all_inner_texts()]
    assert sorted(shown) == sorted(EXAMPLES["Two at once"]["labels"].split(", "))
    wait_for_sentence(page, shown[0])


def test_a_typed_label_is_explained_rather_than_another(page, server, nli):
    open_task(page, server, KEY, model=nli)
    explain_labels(page)
    read_texts(page)
    choose(page, "Explain", "home")
    choose(page, "Rather than", "music")
    page.get_by_role("button", name="Explain").click()
    wait_for_sentence(page, re.compile("home.* rather than music"))


def test_shown_hypotheses_are_each_explained_for_their_own_label(page, server, nli):
    open_task(page, server, KEY, model=nli, hypothesis="shown", multi_label="true")
    explain_labels(page, labels="music, home", **{"Sentence for each label": "It is about {}!"})
    assert read_texts(page) == [TEXT, "It is about music!", "It is about home!"]
    best = find_labels(page).first.inner_text().split(" (")[0]
    assert [word for word, _ in read_scores(page) if word in ("music", "home")] == [best]


def test_labels_are_shared_by_link_and_by_file(page, server, nli, browser, tmp_path):
    open_task(page, server, KEY, model=nli)
    explain_labels(page, text=HOSTILE["arabic"], **{"Sentence for each label": "It is about {}!"})
    assert read_texts(page) == [HOSTILE["arabic"]]
    mine = read_scores(page)
    explanation, html, csv = download_files(page, tmp_path)
    assert explanation.request.texts["template"] == "It is about {}!"
    assert len(csv.splitlines()) == 1 + 3 * len(explanation.features)
    assert read_scores_as_guest(browser, html.as_uri(), offline=True)[: len(mine)] == mine
    assert read_scores_as_guest(browser, copy_link(page)) == mine


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ({"List of labels": "a, b, a"}, "'a'"),
        ({"List of labels": ", ".join(f"kind {number}" for number in range(101))}, "at most 100"),
        ({"Sentence for each label": "It is so."}, "one {}"),
    ],
)
def test_invalid_labels_are_refused_and_nothing_typed_is_lost(page, server, nli, typed, why):
    open_task(page, server, KEY, model=nli)
    explain_labels(page, **typed)
    expect(page.get_by_role("alert").filter(has_text=why)).to_be_visible()
    for name, text in typed.items():
        assert page.get_by_role("textbox", name=name).input_value() == text


def test_hostile_labels_are_shown_as_text(page, server, nli):
    open_task(page, server, KEY, model=nli)
    explain_labels(page, labels=f"{HOSTILE['image']}, *home*")
    shown = {text.rsplit(" (", 1)[0] for text in find_labels(page).all_inner_texts()} if read_texts(page) else set()
    assert shown == {HOSTILE["image"], "*home*"}


def test_a_model_without_entailment_is_refused_with_its_classes(page, server, tmp_path):
    open_task(page, server, KEY, model=save_model(tmp_path / "moods", "bert", ("good", "bad")))
    explain_labels(page)
    expect(page.get_by_role("alert").filter(has_text="entailment")).to_contain_text("good, bad")
