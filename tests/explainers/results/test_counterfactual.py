"""Edits of a request's texts, and their undoing."""

import pytest

from explainers import Request, Target
from explainers.results.counterfactual import Change, Counterfactual
from tests.support.explanations import EVIL
from tests.support.sentences import HOSTILE

TEXT = "A wonderful cast, though far too slowly told. "


REQUEST = Request("text_classification", "sentiment", {"text": TEXT}, target="POSITIVE")


def get_texts(counterfactual):
    return counterfactual.make_request(Target()).texts


def find_word(counterfactual, text, field="text"):
    return [piece.text for piece in dict(counterfactual.texts)[field].words].index(text)


@pytest.mark.parametrize("text", [*HOSTILE.values(), *EVIL, "   ", "one", TEXT])
def test_a_request_without_edits_is_unchanged(text):
    request = Request("pair_classification", "nli", {"text_a": text, "text_b": "b"})
    assert Counterfactual.of(request).make_request(request.target) == request


def test_words_are_deleted_with_their_space_or_replaced_and_edits_can_be_undone():
    first = Counterfactual.of(REQUEST)
    second = first.delete_word("text", find_word(first, "wonderful"))
    third = second.replace_word("text", find_word(second, "slowly"), "[MASK]")
    fourth = third.replace_word("text", find_word(third, "[MASK]"), "well <b>and</b> truly")
    assert get_texts(second) == {"text": "A cast, though far too slowly told. "}
    assert get_texts(third) == {"text": "A cast, though far too [MASK] told. "}
    assert get_texts(fourth) == {"text": "A cast, though far too well <b>and</b> truly told. "}
    assert fourth.changes == (Change("wonderful", ""), Change("slowly", "well <b>and</b> truly"))
    assert fourth.before == third
    assert (third.before, second.before, first.before) == (second, first, None)
    back = fourth.replace_word("text", find_word(fourth, "well <b>and</b> truly"), "slowly")
    assert back.changes == (Change("wonderful", ""),)


def test_an_edit_of_one_text_of_a_pair_leaves_the_rest_of_the_request():
    request = Request("pair_classification", "nli", {"text_a": "a b", "text_b": "a c"}, params={"unit": "logit"})
    found = Counterfactual.of(request).delete_word("text_b", 0).make_request(Target(index=2))
    assert found.texts == {"text_a": "a b", "text_b": "c"}
    assert (found.options, found.target) == ({"unit": "logit"}, Target(index=2))
