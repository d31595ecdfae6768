"""The words that the substitution panel offers to replace."""

from pages.common.panels.substitution import list_places
from tests.support.generations import generation


def test_input_words_can_be_replaced_but_punctuation_and_generated_text_cannot():
    explanation = generation(prompt=("It", "is", "."), texts=("It is.", " Paris."))
    assert list_places(explanation) == [("prompt", 0, 2), ("prompt", 3, 5)]
