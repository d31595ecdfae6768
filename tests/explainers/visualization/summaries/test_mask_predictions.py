"""What is said of gaps: the words that a model told for each, and never of places with one answer."""

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
SAID = Prediction(
    tuple(
        Target(word, i, place, probability=share, text="[MASK]")
        for i, (word, place, share) in enumerate((("she", 5, 0.4), ("he", 5, 0.3), ("dog", 2, 0.2), ("man", 2, 0.1)))
    )
)


WORDS = tuple(
    Feature(match[0], "text", match.start(), match.end(), i) for i, match in enumerate(re.finditer(r"\S+", TEXT))
)


def drawn(target, prediction=SAID, **changes):
    return make_explanation(text=TEXT, features=WORDS, target=target, prediction=prediction, **changes)


def test_the_gaps_come_in_the_order_of_the_text_and_their_words_likeliest_first():
    assert [[target.label for target in there] for there in list_masks(SAID)] == [["dog", "man"], ["she", "he"]]


def test_names_that_a_model_finds_are_no_gaps():
    ada, rome = Target("PER", position=1, text="Ada"), Target("LOC", position=4, text="Rome")
    assert list_masks(Prediction((ada, rome))) == []
    assert list_masks(Prediction((Target("POSITIVE", 1), Target("NEGATIVE", 0)))) == []
    assert render_words(drawn(ada, Prediction((ada, rome))), 0) == ""


def test_the_sentence_says_what_is_expected_where_and_of_which_word_the_map_is():
    said = ParsedHtml(describe_explanation(drawn(SAID.targets[0]))).text()
    assert said.startswith("Where the second [MASK] stands, the model expects “she” (40 %).")
    asked = ParsedHtml(describe_explanation(drawn(HE))).text()
    assert asked.startswith("Where the second [MASK] stands, the model expects “she” (40 %). Asked about “he” (30 %):")
    one = ParsedHtml(describe_explanation(drawn(HE, Prediction(SAID.targets[:2])))).text()
    assert one.startswith("Where [MASK] stands, the model expects “she”")


def test_a_word_that_is_asked_about_against_another_is_called_by_itself():
    against = replace(HE, foil="she")
    said = ParsedHtml(describe_explanation(drawn(against, scores=(0.1, 0.0, -0.3, 0.1, 0.0, 0.1, 0.6)))).text()
    assert "Why he rather than she? “tired” pushes hardest towards he; “saw” pushes towards she." in said
    assert name_direction(drawn(HE), 0) == "he"


def test_the_gap_itself_is_no_reason_for_the_word_in_it():
    said = ParsedHtml(describe_explanation(drawn(HE, scores=(0.1, 0.9, 0.1, 0.1, -0.9, 0.1, 0.6)))).text()
    assert "“tired” pushes hardest towards it" in said
    assert "“[MASK]”" not in said


def test_the_likeliest_words_of_the_gap_are_listed_with_their_probabilities():
    assert (
        ParsedHtml(render_words(drawn(HE), 0)).text().replace("\xa0", " ") == "Likeliest there: “she” 40 %, “he” 30 %."
    )


@pytest.mark.parametrize("evil", EVIL)
def test_words_that_are_markup_stay_text(evil):
    said = Prediction(tuple(Target(evil, i, 1, probability=0.5, text=evil) for i in range(2)))
    html = render_words(drawn(said.targets[0], said), 0) + describe_explanation(drawn(said.targets[0], said))
    assert {tag for tag, _ in ParsedHtml(html).elements} <= {"div", "strong", "bdi", "span"}
