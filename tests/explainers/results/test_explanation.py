"""Requests as links and keys, and what an Explanation derives from its scores."""

import numpy as np
import pytest

from explainers.request import Request, Target
from explainers.results.explanation import Explanation, Feature, Pixels, Prediction


def request(**changes):
    plain = {"task": "text_classification", "model": "sentiment", "inputs": {"text": "good film"}}
    return Request(**plain | changes)


def explanation(scores, features=None, **changes):
    scores = np.array(scores, dtype=np.float32)
    features = features or tuple(Feature(f"f{i}", "text", i, i + 1, i) for i in range(scores.shape[1]))
    targets = tuple(Target(f"label {t}", t) for t in range(len(scores)))
    plain = {
        "request": request(),
        "features": features,
        "targets": targets,
        "scores": scores,
        "values": np.full(len(scores), 0.9, np.float32),
        "baselines": np.full(len(scores), 0.5, np.float32),
        "unit": "probability",
        "signed": True,
        "additive": True,
        "prediction": Prediction(targets),
    }
    return Explanation(**plain | changes)


def test_delta_and_relative_error_follow_from_the_sum():
    found = explanation([[0.1, 0.2], [0.4, 0.0]])
    np.testing.assert_allclose(found.delta, [-0.1, 0.0], atol=1e-6)
    np.testing.assert_allclose(found.relative_error, [0.25, 0.0], atol=1e-6)


def test_a_non_additive_method_has_no_delta():
    assert explanation([[0.1]], additive=False).delta is None
    assert explanation([[0.1]], baselines=None).relative_error is None


def test_the_error_of_a_negligible_change_is_relative_to_the_value():
    found = explanation([[0.009]], baselines=np.array([0.9], np.float32))
    np.testing.assert_allclose(found.relative_error, [0.01], atol=1e-6)


def test_mismatched_shapes_are_both_named():
    with pytest.raises(ValueError, match=r"\(1, 2\).*\(1, 1\)"):
        explanation([[0.1, 0.2]], (Feature("a", "text"),))


def test_words_sum_their_tokens_and_equal_words_stay_apart():
    features = (
        Feature("[CLS]", "text", special=True),
        Feature("un", "text", 0, 2, 0),
        Feature("##believable", "text", 2, 12, 0),
        Feature("[UNK]", "text", 13, 15, 1),
        Feature("[SEP]", "text", special=True),
    )
    asked = request(inputs={"text": "unbelievable un"})
    words = explanation([[0.1, 0.2, 0.3, 0.4, 0.5]], features, request=asked).by_word()
    assert words.tokens == ("[CLS]", "unbelievable", "un", "[SEP]")
    np.testing.assert_allclose(words.scores, [[0.1, 0.5, 0.4, 0.5]], atol=1e-6)


def test_a_word_is_nan_only_if_all_its_tokens_are():
    features = tuple(Feature("a", "text", i, i + 1, i // 2) for i in range(4))
    words = explanation([[np.nan, 0.2, np.nan, np.nan]], features, request=request(inputs={"text": "abcd"})).by_word()
    np.testing.assert_allclose(words.scores, [[0.2, np.nan]], atol=1e-6)


def test_explanations_are_equal_by_value():
    assert explanation([[0.1, np.nan]]) == explanation([[0.1, np.nan]])
    assert explanation([[0.1]]) != explanation([[0.2]])
    assert explanation([[0.1]]) != "something else"


def test_pixels_are_channel_by_channel_and_row_by_row():
    pixels = Pixels("image", channels=3, rows=2, columns=4)
    assert len(pixels) == 24
    assert len({feature.text for feature in pixels}) == 24
    assert pixels[0].text == "row 0, column 0, channel 0"
    assert pixels[-1].text == "row 1, column 3, channel 2"
    assert pixels[5:7] == (pixels[5], pixels[6])
    assert pixels[5].text == "row 1, column 1, channel 0"
    with pytest.raises(IndexError):
        pixels[24]


def test_texts_of_an_explanation_are_the_requests_unless_it_has_its_own():
    own = explanation([[1.0]], (Feature("b", "made", 0, 1, 0),), texts=(("made", "b!"),))
    assert explanation([[1.0]]).source_texts == {"text": "good film"}
    assert own.source_texts == {"made": "b!"}
    assert own.by_word().tokens == ("b",)


def test_standard_errors_sum_and_are_relative_to_all_scores():
    features = tuple(Feature(f"f{i}", "text", i, i + 1, i // 2) for i in range(3))
    found = explanation([[1.0, -2.0, 1.0]], features, spread=np.array([[0.1, 0.2, 0.1]], np.float32))
    np.testing.assert_allclose(found.relative_spread, [0.1], rtol=1e-6)
    np.testing.assert_allclose(found.by_word().spread, [[0.3, 0.1]], rtol=1e-6)
    assert explanation([[1.0]]).relative_spread is None
    with pytest.raises(ValueError, match=r"spread is \(1, 2\)"):
        explanation([[1.0, -2.0, 1.0]], features, spread=np.zeros((1, 2), np.float32))
