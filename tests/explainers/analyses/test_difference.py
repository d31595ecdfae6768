"""Two explanations as one difference: what aligns is subtracted, what does not is told."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from explainers.analyses.difference import subtract
from explainers.errors import BadRequest
from explainers.request import Request
from explainers.results.granularity import Grouping, aggregate
from tests.support.explanations import make_explanation
from tests.support.generations import NAN, generation

PRUSSIA = {"prompt": ("The", "capital", "of", "Prussia", "is"), "texts": ("The capital of Prussia is", " Paris.")}


def test_an_explanation_minus_itself_is_0_and_hidden_stays_hidden():
    found = subtract(generation(), generation())
    expected = np.where(np.isnan(generation().scores), NAN, 0)
    assert_allclose(found.explanation.scores, expected)
    assert found.left_out == 0
    assert found.explanation.tokens == generation().tokens


def test_a_changed_word_aligns_with_what_it_was_and_every_score_is_subtracted():
    one = generation(scores=[[1, 2, 3, 4, 5], [1] * 6, [2] * 7])
    other = generation(**PRUSSIA, scores=[[1, 1, 1, 1, 1], [3] * 6, [2] * 7])
    found = subtract(one, other).explanation
    assert found.tokens[3] == "France → Prussia"
    assert_allclose(found.scores[:, :6], [[0, 1, 2, 3, 4, NAN], [-2] * 6, [0] * 6])
    assert [target.position for target in found.targets] == [5, 6, 7]


def test_words_that_were_put_in_have_no_counterpart_and_the_rest_moves_with_them():
    prompt = ("The", "old", "capital", "of", "France", "is")
    one = generation(scores=[[1, 2, 3, 4, 5], [0] * 6, [0] * 7])
    other = generation(
        prompt, texts=("The old capital of France is", " Paris."), scores=[[1, 9, 2, 3, 4, 5], [0] * 7, [0] * 8]
    )
    found = subtract(one, other)
    assert_allclose(np.nan_to_num(found.explanation.scores), np.zeros((3, 8)))
    assert found.left_out == 1
    assert found.columns[1] == (1, 2)


def test_what_was_written_otherwise_aligns_word_by_word_and_is_named_twice():
    other = generation(written=("Ber", "lin", "."), texts=("The capital of France is", " Berlin."))
    found = subtract(generation(), other).explanation
    assert [target.label for target in found.targets] == ["Par → Ber", "is → lin", "."]
    assert_allclose(found.values, np.zeros(3))


def test_words_of_several_tokens_align_as_words():
    one, other = (aggregate(explanation, Grouping("word")) for explanation in (generation(), generation(**PRUSSIA)))
    found = subtract(one, other).explanation
    assert found.tokens == ("The", "capital", "of", "France → Prussia", "is", "Paris", ".")
    assert [target.label for target in found.targets] == ["Paris", "."]


def test_steps_are_subtracted_where_both_have_them():
    one = generation(steps=(("entropy", (1.0, 2.0, 3.0)), ("logit", (1.0, 1.0, 1.0))))
    other = generation(steps=(("entropy", (0.5, 2.0, 5.0)),))
    assert subtract(one, other).explanation.steps == (("entropy", (0.5, 0.0, -2.0)),)


def test_what_does_not_align_says_why():
    with pytest.raises(BadRequest, match=r"one method, and these have two: saliency and occlusion"):
        subtract(generation(), generation(request=Request("text_generation", "m", {"prompt": "a"}, "occlusion")))
    with pytest.raises(BadRequest, match="one unit"):
        subtract(generation(), generation(unit="logit"))
    with pytest.raises(BadRequest, match="one task"):
        subtract(generation(), make_explanation())
    far = generation(
        ("Ein", "ganz", "anderer", "Text", "steht", "hier", "heute"),
        texts=("Ein ganz anderer Text steht hier heute", " Paris."),
    )
    with pytest.raises(BadRequest, match=r"Only 3 of 8 pieces have a counterpart"):
        subtract(generation(), far)
