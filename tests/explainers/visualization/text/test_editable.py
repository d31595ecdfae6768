"""The editable text and the sentence about the effect of its edits."""

import pytest

from explainers import Prediction, Request, Target
from explainers.results.counterfactual import Change, Counterfactual
from explainers.visualization.text.editable import describe_effect, list_lines
from tests.support.explanations import EVIL, ParsedHtml, make_explanation
from tests.support.sentences import HOSTILE


def test_words_bear_their_scores_once_the_explained_the_very_text_is_known():
    text = "good bad film."
    counterfactual, explanation = (
        Counterfactual.of(Request("t", "m", {"text": text})),
        make_explanation(text, [0.4, -0.1, 0.04, 0]),
    )
    (line,) = list_lines(counterfactual, explanation, 0, 0.8)
    assert [(p.text, p.index, p.strength, p.kind) for p in line.pieces if p.index is not None] == [
        ("good", 0, 0.5, "wf-p wf-strong"),
        ("bad", 1, 0.125, "wf-n"),
        ("film", 2, 0.05, "wf-p"),
        (".", 3, 0, ""),
    ]
    for explained in (None, make_explanation("another text", [1])):
        assert {p.kind for p in list_lines(counterfactual, explained, 0, 1.0)[0].pieces} == {""}


@pytest.mark.parametrize("text", list(HOSTILE.values()))
def test_the_parts_are_the_whole_text_with_visible_control_characters(text):
    (line,) = list_lines(Counterfactual.of(Request("t", "m", {"text": text})), make_explanation(text), 0, 1.0)
    shown = "".join(piece.text for piece in line.pieces)
    assert "\u202e" not in shown
    if not any(sign in text for sign in "\u202e\u202c\u200b"):
        assert shown == text


def predict_labels(*labels, text="", alternatives=()):
    targets = tuple(Target(label, i, probability=p) for i, (label, p) in enumerate(labels))
    return Prediction(targets, text, alternatives)


DELETED = (Change("wonderful", ""),)


def predict_words(words):
    """Return a prediction of two words for the mask at each token, the first more probable."""
    return Prediction(
        tuple(
            Target(word, position=place, probability=share, text="[MASK]")
            for place, both in words.items()
            for word, share in zip(both, (0.5, 0.2), strict=True)
        )
    )


@pytest.mark.parametrize(
    ("changes", "before", "after", "said"),
    [
        (
            DELETED,
            predict_labels(("POSITIVE", 0.98)),
            predict_labels(("NEGATIVE", 0.71)),
            "Without “wonderful” the model predicts NEGATIVE (71 %) instead of POSITIVE (98 %).",
        ),
        (
            (Change("good", "bad"),),
            predict_labels(("POSITIVE", 0.98)),
            predict_labels(("POSITIVE", 0.6)),
            "With “bad” for “good” the model still predicts POSITIVE (60 %, before 98 %).",
        ),
        (
            (Change("a", ""), Change("b", ""), Change("good", "[MASK]")),
            predict_labels(("POSITIVE", 0.98)),
            predict_labels(("POSITIVE", 0.98)),
            "Without “a” and “b” and with “[MASK]” for “good” the model predicts the same: POSITIVE (98 %).",
        ),
        (
            DELETED * 4,
            predict_labels(("Rome", 0.9), text="Rome"),
            predict_labels(("Oslo", 0.4), text="Oslo"),
            "After 4 changes the model answers Oslo (40 %) instead of Rome (90 %).",
        ),
        (
            DELETED,
            predict_labels(("Ro", 0.9), text="Rome", alternatives=((),)),
            predict_labels(("Os", 0.4), text="Oslo", alternatives=((),)),
            "Without “wonderful” the model generates Oslo instead of Rome.",
        ),
        (
            DELETED,
            Prediction((Target("PER", position=1, text="Ada"), Target("LOC", position=4, text="Rome"))),
            Prediction((Target("PER", position=2, text="Rome"), Target("PER", position=1, text="Ada"))),
            "Without “wonderful” the model no longer labels Rome as LOC, and now labels Rome as PER.",
        ),
        (
            DELETED,
            Prediction((Target("PER", position=3, text="Ada"),)),
            Prediction((Target("PER", position=2, text="Ada"),)),
            "Without “wonderful” the model finds the same entities.",
        ),
        ((), predict_labels(("A", 0.5)), predict_labels(("A", 0.5)), "The model predicts the same: A (50 %)."),
        (
            DELETED,
            predict_words({3: ("it", "he")}),
            predict_words({2: ("she", "he")}),
            "Without “wonderful” the model predicts “she” (50 %) instead of “it” (50 %).",
        ),
        (
            DELETED,
            predict_words({1: ("dog", "man"), 5: ("ran", "went")}),
            predict_words({1: ("dog", "boy"), 4: ("ran", "fell")}),
            "Without “wonderful” the model predicts the same: “dog” … “ran”.",
        ),
    ],
)
def test_the_effect_of_a_change_is_one_sentence(changes, before, after, said):
    assert ParsedHtml(describe_effect(changes, before, after, "probability")).text() == said


def test_the_output_of_a_regression_is_not_a_percentage():
    before, after = predict_labels(("SIMILARITY", 4.25)), predict_labels(("SIMILARITY", -0.5))
    said = ParsedHtml(describe_effect(DELETED, before, after, "score")).text()
    assert said == "Without “wonderful” the model still gives SIMILARITY (−0.50, before 4.25)."


@pytest.mark.parametrize("evil", EVIL)
def test_words_labels_and_answers_are_escaped(evil):
    for before in (
        predict_labels((evil, 0.5)),
        predict_labels((evil, 0.5), text=evil),
        Prediction((Target(evil, position=1, text=evil),)),
    ):
        page = ParsedHtml(
            describe_effect((Change(evil, ""), Change("a", evil)), before, predict_labels(("B", 0.5)), "probability")
        )
        assert {tag for tag, _ in page.elements} <= {"strong", "bdi", "span"}
        assert {name for _, attributes in page.elements for name in attributes} <= {"class", "title"}
