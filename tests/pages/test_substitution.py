"""The words that the panel of other words offers to put others for."""

from pages.common.panels.substitution import find_words
from tests.explainers.generations import generation


def test_words_of_what_was_given_can_be_swapped_but_no_marks_and_nothing_that_was_written():
    explanation = generation(prompt=("It", "is", "."), texts=("It is.", " Paris."))
    assert find_words(explanation) == [("prompt", 0, 2), ("prompt", 3, 5)]
