"""The words of a generation that the substitution panel offers to replace."""

from pages.common.panels.substitution import find_words
from tests.support.generations import generation


def test_words_of_the_given_texts_can_be_replaced_but_no_punctuation_and_no_generated_text():
    explanation = generation(prompt=("It", "is", "."), texts=("It is.", " Paris."))
    assert find_words(explanation) == [("prompt", 0, 2), ("prompt", 3, 5)]
