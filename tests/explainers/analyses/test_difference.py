"""The difference of two explanations: aligned scores are subtracted, the others are counted."""

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


def test_an_explanation_minus_itself_is_0_and_nan_stays_nan():
    result = subtract(generation(), generation())
    expected = np.where(np.isnan(generation().scores), NAN, 0)
    assert_allclose(result.explanation.scores, expected)
    assert result.left_out == 0
    assert result.explanation.tokens == generation().tokens


def test_a_changed_word_aligns_with_the_one_that_it_replaces():
    one = generation(scores=[[1, 2, 3, 4, 5], [1] * 6, [2] * 7])
    other = generation(**PRUSSIA, scores=[[1, 1, 1, 1, 1], [3] * 6, [2] * 7])
    result = subtract(one, other).explanation
    assert result.tokens[3] == "France → Prussia"
    assert_allclose(result.scores[:, :6], [[0, 1, 2, 3, 4, NAN], [-2] * 6, [0] * 6])
    assert [target.position for target in result.targets] == [5, 6, 7]


def test_inserted_words_have_no_counterpart_and_the_others_still_align():
    prompt = ("The", "old", "capital", "of", "France", "is")
    one = generation(scores=[[1, 2, 3, 4, 5], [0] * 6, [0] * 7])
    other = generation(
        prompt, texts=("The old capital of France is", " Paris."), scores=[[1, 9, 2, 3, 4, 5], [0] * 7, [0] * 8]
    )
    result = subtract(one, other)
    assert_allclose(np.nan_to_num(result.explanation.scores), np.zeros((3, 8)))
    assert result.left_out == 1
    assert result.columns[1] == (1, 2)


def test_targets_with_another_generated_token_align_and_name_both():
    other = generation(continuation=("Ber", "lin", "."), texts=("The capital of France is", " Berlin."))
    result = subtract(generation(), other).explanation
    assert [target.label for target in result.targets] == ["Par → Ber", "is → lin", "."]
    assert_allclose(result.values, np.zeros(3))


def test_words_of_several_tokens_align_as_words():
    one, other = (aggregate(explanation, Grouping("word")) for explanation in (generation(), generation(**PRUSSIA)))
    result = subtract(one, other).explanation
    assert result.tokens == ("The", "capital", "of", "France → Prussia", "is", "Paris", ".")
    assert [target.label for target in result.targets] == ["Paris", "."]


def test_step_scores_that_both_have_are_subtracted():
    one = generation(steps=(("entropy", (1.0, 2.0, 3.0)), ("logit", (1.0, 1.0, 1.0))))
    other = generation(steps=(("entropy", (0.5, 2.0, 5.0)),))
    assert subtract(one, other).explanation.steps == (("entropy", (0.5, 0.0, -2.0)),)


def test_explanations_that_do_not_align_are_refused_with_the_reason():
    with pytest.raises(BadRequest, match=r"same method.* saliency and occlusion"):
        subtract(generation(), generation(request=Request("text_generation", "m", {"prompt": "a"}, "occlusion")))
    with pytest.raises(BadRequest, match="same unit"):
        subtract(generation(), generation(unit="logit"))
    with pytest.raises(BadRequest, match="same task"):
        subtract(generation(), make_explanation())
    far = generation(
        ("Ein", "ganz", "anderer", "Text", "steht", "hier", "heute"),
        texts=("Ein ganz anderer Text steht hier heute", " Paris."),
    )
    with pytest.raises(BadRequest, match="Only 3 of 8 "):
        subtract(generation(), far)
