"""The words predicted for each mask, and the sentences about them."""

import re
from dataclasses import replace

import pytest

from explainers import Prediction, Target
from explainers.results.explanation import Feature
from explainers.visualization.summaries.classification import describe_explanation
from explainers.visualization.summaries.mask_predictions import list_masks, render_words
from explainers.visualization.text.spans import name_direction
from tests.support.explanations import EVIL, ParsedHtml, make_explanation

TEXT, HE = "The [MASK] saw that [MASK] was tired", Target("he", 7, 5, probability=0.3, text="[MASK]")
PREDICTION = Prediction(
    tuple(
        Target(word, i, place, probability=share, text="[MASK]")
        for i, (word, place, share) in enumerate((("she", 5, 0.4), ("he", 5, 0.3), ("dog", 2, 0.2), ("man", 2, 0.1)))
    )
)


WORDS = tuple(
    Feature(match[0], "text", match.start(), match.end(), i) for i, match in enumerate(re.finditer(r"\S+", TEXT))
)


def explain_mask(target, prediction=PREDICTION, **changes):
    return make_explanation(text=TEXT, features=WORDS, target=target, prediction=prediction, **changes)


def test_masks_are_in_reading_order_and_their_words_by_probability():
    assert [[target.label for target in there] for there in list_masks(PREDICTION)] == [["dog", "man"], ["she", "he"]]


def test_entities_and_labels_are_not_masks():
    ada, rome = Target("PER", position=1, text="Ada"), Target("LOC", position=4, text="Rome")
    assert list_masks(Prediction((ada, rome))) == []
    assert list_masks(Prediction((Target("POSITIVE", 1), Target("NEGATIVE", 0)))) == []
    assert render_words(explain_mask(ada, Prediction((ada, rome))), 0) == ""


def test_the_summary_names_the_mask_the_predicted_word_and_the_explained_one():
    said = ParsedHtml(describe_explanation(explain_mask(PREDICTION.targets[0]))).text()
    assert said.startswith("For the second [MASK], the model predicts “she” (40 %).")
    asked = ParsedHtml(describe_explanation(explain_mask(HE))).text()
    assert "predicts “she” (40 %). This explains “he” (30 %):" in asked
    one = ParsedHtml(describe_explanation(explain_mask(HE, Prediction(PREDICTION.targets[:2])))).text()
    assert one.startswith("For [MASK], the model predicts “she”")


def test_a_contrast_of_two_words_names_both():
    against = replace(HE, foil="she")
    said = ParsedHtml(describe_explanation(explain_mask(against, scores=(0.1, 0.0, -0.3, 0.1, 0.0, 0.1, 0.6)))).text()
    assert (
        "This explains “he” (30 %) rather than she: “tired” pushes hardest towards he; “saw” pushes towards she."
        in said
    )
    assert name_direction(explain_mask(HE), 0) == "he"


def test_the_mask_itself_is_not_named_as_a_strong_word():
    said = ParsedHtml(describe_explanation(explain_mask(HE, scores=(0.1, 0.9, 0.1, 0.1, -0.9, 0.1, 0.6)))).text()
    assert "“tired” pushes hardest towards it" in said
    assert "“[MASK]”" not in said


def test_the_words_of_a_mask_are_listed_with_their_probabilities():
    listed = ParsedHtml(render_words(explain_mask(HE), 0)).text().replace("\xa0", " ")
    assert listed == "Most probable words: “she” 40 %, “he” 30 %."


@pytest.mark.parametrize("evil", EVIL)
def test_words_are_escaped(evil):
    said = Prediction(tuple(Target(evil, i, 1, probability=0.5, text=evil) for i in range(2)))
    html = render_words(explain_mask(said.targets[0], said), 0) + describe_explanation(
        explain_mask(said.targets[0], said)
    )
    assert {tag for tag, _ in ParsedHtml(html).elements} <= {"div", "strong", "bdi", "span"}
