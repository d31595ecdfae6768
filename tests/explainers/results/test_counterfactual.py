"""Texts changed word by word, undone, and what is said of it."""

import pytest

from explainers import Prediction, Request, Target
from explainers.results.counterfactual import Change, Counterfactual
from explainers.visualization.text.editable import describe_effect, list_lines
from tests.support.explanations import EVIL, ParsedHtml, make_explanation
from tests.support.sentences import HOSTILE

TEXT = "A wonderful cast, though far too slowly told. "
REQUEST = Request("text_classification", "sentiment", {"text": TEXT}, target="POSITIVE")


def texts(rewriting):
    return rewriting.make_request(Target()).texts


def word(rewriting, text, field="text"):
    return [piece.text for piece in dict(rewriting.texts)[field].words].index(text)


@pytest.mark.parametrize("text", [*HOSTILE.values(), *EVIL, "   ", "one", TEXT])
def test_nothing_changed_is_the_same_request(text):
    request = Request("pair_classification", "nli", {"text_a": text, "text_b": "b"})
    assert Counterfactual.of(request).make_request(request.target) == request


def test_a_word_is_taken_away_with_its_space_or_replaced_by_anything_and_all_of_it_undone():
    first = Counterfactual.of(REQUEST)
    second = first.delete_word("text", word(first, "wonderful"))
    third = second.replace_word("text", word(second, "slowly"), "[MASK]")
    fourth = third.replace_word("text", word(third, "[MASK]"), "well <b>and</b> truly")
    assert texts(second) == {"text": "A cast, though far too slowly told. "}
    assert texts(third) == {"text": "A cast, though far too [MASK] told. "}
    assert texts(fourth) == {"text": "A cast, though far too well <b>and</b> truly told. "}
    assert fourth.changes == (Change("wonderful", ""), Change("slowly", "well <b>and</b> truly"))
    assert fourth.before == third
    assert (third.before, second.before, first.before) == (second, first, None)
    back = fourth.replace_word("text", word(fourth, "well <b>and</b> truly"), "slowly")
    assert back.changes == (Change("wonderful", ""),)


def test_each_text_of_a_pair_is_changed_by_itself_and_the_rest_of_the_request_stays():
    request = Request("pair_classification", "nli", {"text_a": "a b", "text_b": "a c"}, params={"unit": "logit"})
    found = Counterfactual.of(request).delete_word("text_b", 0).make_request(Target(index=2))
    assert found.texts == {"text_a": "a b", "text_b": "c"}
    assert (found.options, found.target) == ({"unit": "logit"}, Target(index=2))


def test_words_bear_their_scores_once_the_map_of_the_very_text_is_known():
    text = "good bad film."
    rewriting, explanation = (
        Counterfactual.of(Request("t", "m", {"text": text})),
        make_explanation(text, [0.4, -0.1, 0.04, 0]),
    )
    (line,) = list_lines(rewriting, explanation, 0, 0.8)
    assert [(p.text, p.index, p.strength, p.kind) for p in line.pieces if p.index is not None] == [
        ("good", 0, 0.5, "wf-p wf-strong"),
        ("bad", 1, 0.125, "wf-n"),
        ("film", 2, 0.05, "wf-p"),
        (".", 3, 0, ""),
    ]
    for map_of in (None, make_explanation("another text", [1])):
        assert {p.kind for p in list_lines(rewriting, map_of, 0, 1.0)[0].pieces} == {""}


@pytest.mark.parametrize("text", list(HOSTILE.values()))
def test_the_pieces_are_the_whole_text_hidden_controls_as_marks(text):
    (line,) = list_lines(Counterfactual.of(Request("t", "m", {"text": text})), make_explanation(text), 0, 1.0)
    shown = "".join(piece.text for piece in line.pieces)
    assert "\u202e" not in shown
    if not any(sign in text for sign in "\u202e\u202c\u200b"):
        assert shown == text


def says(*labels, text="", alternatives=()):
    targets = tuple(Target(label, i, probability=p) for i, (label, p) in enumerate(labels))
    return Prediction(targets, text, alternatives)


GONE = (Change("wonderful", ""),)


def fills(words):
    """What a model says of gaps at tokens: two words for each, the first likelier."""
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
            GONE,
            says(("POSITIVE", 0.98)),
            says(("NEGATIVE", 0.71)),
            "Without “wonderful” the model says NEGATIVE (71 %) instead of POSITIVE (98 %).",
        ),
        (
            (Change("good", "bad"),),
            says(("POSITIVE", 0.98)),
            says(("POSITIVE", 0.6)),
            "With “bad” for “good” the model still says POSITIVE (60 %, before 98 %).",
        ),
        (
            (Change("a", ""), Change("b", ""), Change("good", "[MASK]")),
            says(("POSITIVE", 0.98)),
            says(("POSITIVE", 0.98)),
            "Without “a” and “b” and with “[MASK]” for “good” the model says the same: POSITIVE (98 %).",
        ),
        (
            GONE * 4,
            says(("Rome", 0.9), text="Rome"),
            says(("Oslo", 0.4), text="Oslo"),
            "After 4 changes the model answers Oslo (40 %) instead of Rome (90 %).",
        ),
        (
            GONE,
            says(("Ro", 0.9), text="Rome", alternatives=((),)),
            says(("Os", 0.4), text="Oslo", alternatives=((),)),
            "Without “wonderful” the model writes Oslo instead of Rome.",
        ),
        (
            GONE,
            Prediction((Target("PER", position=1, text="Ada"), Target("LOC", position=4, text="Rome"))),
            Prediction((Target("PER", position=2, text="Rome"), Target("PER", position=1, text="Ada"))),
            "Without “wonderful” the model no longer takes Rome for LOC, and now takes Rome for PER.",
        ),
        (
            GONE,
            Prediction((Target("PER", position=3, text="Ada"),)),
            Prediction((Target("PER", position=2, text="Ada"),)),
            "Without “wonderful” the model finds the same names.",
        ),
        ((), says(("A", 0.5)), says(("A", 0.5)), "The model says the same: A (50 %)."),
        (
            GONE,
            fills({3: ("it", "he")}),
            fills({2: ("she", "he")}),
            "Without “wonderful” the model expects “she” (50 %) instead of “it” (50 %).",
        ),
        (
            GONE,
            fills({1: ("dog", "man"), 5: ("ran", "went")}),
            fills({1: ("dog", "boy"), 4: ("ran", "fell")}),
            "Without “wonderful” the model expects the same: “dog” … “ran”.",
        ),
    ],
)
def test_the_effect_of_a_change_is_one_sentence(changes, before, after, said):
    assert ParsedHtml(describe_effect(changes, before, after, "probability")).text() == said


def test_a_regressions_number_is_no_percentage():
    before, after = says(("SIMILARITY", 4.25)), says(("SIMILARITY", -0.5))
    said = ParsedHtml(describe_effect(GONE, before, after, "score")).text()
    assert said == "Without “wonderful” the model still gives SIMILARITY (−0.50, before 4.25)."


@pytest.mark.parametrize("evil", EVIL)
def test_words_labels_and_answers_that_are_markup_stay_text(evil):
    for before in (says((evil, 0.5)), says((evil, 0.5), text=evil), Prediction((Target(evil, position=1, text=evil),))):
        page = ParsedHtml(
            describe_effect((Change(evil, ""), Change("a", evil)), before, says(("B", 0.5)), "probability")
        )
        assert {tag for tag, _ in page.elements} <= {"strong", "bdi", "span"}
        assert {name for _, attributes in page.elements for name in attributes} <= {"class", "title"}
