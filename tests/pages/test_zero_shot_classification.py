"""The zero-shot classification page, used in a real browser."""

import pytest
from playwright.sync_api import expect

from explainers import TASKS
from tests.support.nli import NLI
from tests.support.page_actions import (
    choose,
    downloaded,
    explain,
    link,
    maps,
    saved,
    scores,
    seen_by_a_guest,
    told,
    visit,
)
from tests.support.sentences import HOSTILE

KEY = "zero_shot_classification"
EXAMPLES = {example.label: dict(example.inputs) for example in TASKS[KEY].examples}
TEXT, LABELS = "The lake was quiet.", "music, home, a great idea"


@pytest.fixture(scope="module")
def nli(tmp_path_factory):
    return saved(tmp_path_factory.mktemp("nli"), "bert", NLI)


def asked(page, text=TEXT, labels=LABELS, **more):
    explain(page, {"Text": text, "List of labels": labels, **more})


def pills(page):
    return page.get_by_role("radiogroup", name="Explained").get_by_role("radio")


def test_an_example_brings_its_labels_and_explains_each(page, server, nli):
    visit(page, server, KEY, model=nli)
    page.get_by_role("radio", name="Two at once").click()
    assert maps(page) == [EXAMPLES["Two at once"]["text"]]  # the sentences made of labels are hidden
    assert page.get_by_role("textbox", name="List of labels").input_value() == EXAMPLES["Two at once"]["labels"]
    assert page.get_by_role("textbox", name="Sentence for each label").input_value() == "This example is {}."
    shown = [text.split(" (")[0] for text in pills(page).all_inner_texts()]
    assert sorted(shown) == sorted(EXAMPLES["Two at once"]["labels"].split(", "))
    told(page, f"The model predicts {shown[0]}")


def test_labels_that_were_typed_can_be_asked_for_and_compared(page, server, nli):
    visit(page, server, KEY, model=nli)
    asked(page)
    maps(page)
    choose(page, "Explain", "home")
    choose(page, "Rather than", "music")
    page.get_by_role("button", name="Explain").click()
    told(page, "Why home rather than music?")


def test_shown_sentences_are_explained_each_for_its_own_label(page, server, nli):
    visit(page, server, KEY, model=nli, hypothesis="shown", multi_label="true")
    asked(page, labels="music, home", **{"Sentence for each label": "It is about {}!"})
    assert maps(page) == [TEXT, "It is about music!", "It is about home!"]
    best = pills(page).first.inner_text().split(" (")[0]
    assert [word for word, _ in scores(page) if word in ("music", "home")] == [best]


def test_labels_go_to_somebody_else_by_link_and_by_file(page, server, nli, browser, tmp_path):
    visit(page, server, KEY, model=nli)
    asked(page, text=HOSTILE["arabic"], **{"Sentence for each label": "It is about {}!"})
    assert maps(page) == [HOSTILE["arabic"]]
    mine = scores(page)
    found, html, csv = downloaded(page, tmp_path)
    assert found.request.texts["template"] == "It is about {}!"
    assert len(csv.splitlines()) == 1 + 3 * len(found.features)
    assert seen_by_a_guest(browser, html.as_uri(), offline=True)[: len(mine)] == mine
    assert seen_by_a_guest(browser, link(page)) == mine


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ({"List of labels": "a, b, a"}, "'a' is there twice"),
        ({"List of labels": ", ".join("abcdefghijklm")}, "at most 12 are allowed"),
        ({"Sentence for each label": "It is so."}, "needs one {} where the label goes"),
    ],
)
def test_what_cannot_be_judged_is_answered_with_what_can_and_nothing_is_lost(page, server, nli, typed, why):
    visit(page, server, KEY, model=nli)
    asked(page, **typed)
    expect(page.get_by_role("alert").filter(has_text=why)).to_be_visible()
    for name, text in typed.items():
        assert page.get_by_role("textbox", name=name).input_value() == text


def test_hostile_labels_show_as_text(page, server, nli):
    visit(page, server, KEY, model=nli)
    asked(page, labels=f"{HOSTILE['image']}, *home*")
    shown = {text.rsplit(" (", 1)[0] for text in pills(page).all_inner_texts()} if maps(page) else set()
    assert shown == {HOSTILE["image"], "*home*"}


def test_a_model_that_judges_no_sentences_is_answered_with_the_classes_that_it_has(page, server, tmp_path):
    visit(page, server, KEY, model=saved(tmp_path / "moods", "bert", ("good", "bad")))
    asked(page)
    expect(page.get_by_role("alert").filter(has_text="no class for entailment")).to_contain_text("good, bad")
