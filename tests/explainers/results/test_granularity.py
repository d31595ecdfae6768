"""Tokens gathered into pieces: closed forms on both axes, nothing lost, and patterns that do no harm."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from explainers.errors import BadRequest, LimitReached
from explainers.results.granularity import HOWS, LEVELS, Grouping, aggregate
from tests.support.explanations import make_explanation
from tests.support.generations import NAN, generation
from tests.support.sentences import HOSTILE

SCORES = [[1, 2, -3, 4, 0.5], [0.25, 0, 1, -2, 1, 8], [1, 1, 1, 1, 1, -2, 6]]


def test_words_are_aggregated_on_both_axes():
    found = aggregate(generation(scores=SCORES), Grouping("word"))
    assert found.tokens == ("The", "capital", "of", "France", "is", "Paris", ".")
    assert [target.label for target in found.targets] == ["Paris", "."]
    assert [target.position for target in found.targets] == [5, 6]
    assert_allclose(found.scores, [[1.25, 2, -2, 2, 1.5, 8, NAN], [1, 1, 1, 1, 1, 4, NAN]])
    ending = aggregate(
        generation(continuation=("Pa", "ri", "s"), texts=("The capital of France is", " Paris")), Grouping("word")
    )
    assert ending.tokens[-1] == "Paris"
    assert len(ending.targets) == 1


@pytest.mark.parametrize(
    ("how", "paris", "dot"),
    [("sum", 8, 4), ("mean", 8, 2), ("max", 8, 6), ("absmax", 8, 6), ("L2", 8, np.sqrt(40))],
)
def test_each_aggregation_is_its_formula_over_visible_tokens(how, paris, dot):
    found = aggregate(generation(scores=SCORES), Grouping("word", how))
    assert_allclose(found.scores[:, 5], [paris, dot])
    of = {"sum": -2, "mean": -1, "max": 1, "absmax": -3, "L2": np.sqrt(10)}[how]
    assert_allclose(found.scores[0, 2], of, rtol=1e-6)
    assert (found.signed, found.additive) == (how != "L2", how == "sum")


def test_a_sum_stays_complete():
    explanation = generation()
    for level in LEVELS:
        found = aggregate(explanation, Grouping(level, pattern="a"))
        assert_allclose(np.nansum(found.scores), np.nansum(explanation.scores), rtol=1e-5)
        assert_allclose(found.delta, np.zeros(len(found.targets)), atol=1e-5)
        assert found.values.sum() == pytest.approx(explanation.values.sum())


def test_standard_errors_sum_only_where_scores_do():
    explanation = generation(scores=SCORES)
    spread = np.abs(explanation.scores)
    found = aggregate(replace(explanation, spread=spread), Grouping("word"))
    assert_allclose(found.spread, aggregate(replace(explanation, scores=spread), Grouping("word")).scores)
    assert aggregate(replace(explanation, spread=spread), Grouping("word", "max")).spread is None


def test_the_probability_of_a_unit_is_the_product_of_its_tokens():
    found = aggregate(generation(), Grouping("word"))
    assert found.targets[0].probability == pytest.approx(0.5 * 0.25)
    assert found.targets[1].probability == pytest.approx(0.5 / 3)


def test_step_scores_of_a_unit_are_combined_or_averaged():
    shares = np.array([0.5, 0.125, 0.25])
    steps = {
        "probability": shares,
        "log_probability": np.log(shares),
        "cross_entropy": -np.log(shares),
        "perplexity": 1 / shares,
        "entropy": np.array([1.0, 3.0, 5.0]),
    }
    explanation = generation(steps=tuple((name, tuple(values.tolist())) for name, values in steps.items()))
    found = {name: values[0] for name, values in aggregate(explanation, Grouping("word")).steps}
    assert found["probability"] == pytest.approx(1 / 16)
    assert found["log_probability"] == pytest.approx(np.log(found["probability"]))
    assert found["cross_entropy"] == pytest.approx(-found["log_probability"])
    assert found["perplexity"] == pytest.approx(np.exp(found["cross_entropy"] / 2))
    assert found["entropy"] == 2


def test_level_token_changes_nothing():
    explanation = generation()
    assert aggregate(explanation, Grouping("token")) == explanation


def test_sentences_end_with_punctuation_but_not_in_numbers():
    text = 'He paid 3.50 euros. "Why?" she asked! 好。不好。'
    explanation = make_explanation(text, (0.1,))
    assert [text.strip() for text in aggregate(explanation, Grouping("sentence")).tokens] == [
        "He paid 3.50 euros.",
        '"Why?"',
        "she asked!",
        "好。",
        "不好。",
    ]


def test_roles_of_a_chat_are_units():
    segments = (("prompt", 0, 11, "system"), ("prompt", 12, 24, "user"))
    found = aggregate(generation(scores=SCORES, segments=segments), Grouping("role"))
    assert found.tokens == ("The capital", "of France is", "Paris.")
    assert_allclose(found.scores, [[5.25, 4.5, 12.0]])
    assert aggregate(generation(), Grouping("role")).tokens == ("The capital of France is", "Paris.")


def test_matches_of_a_pattern_and_the_text_between_are_units():
    found = aggregate(generation(scores=SCORES), Grouping("pattern", pattern="of France|Paris"))
    assert found.tokens == ("The capital", "of France", "is", "Paris", ".")
    assert_allclose(found.scores[1], [2, 2, 1, 4, NAN])


def test_an_invalid_or_slow_pattern_is_refused():
    with pytest.raises(BadRequest, match="not a regular expression"):
        aggregate(generation(), Grouping("pattern", pattern="(a"))
    with pytest.raises(BadRequest, match="empty"):
        aggregate(generation(), Grouping("pattern"))
    with pytest.raises(BadRequest, match="501 characters"):
        aggregate(generation(), Grouping("pattern", pattern="a" * 501))
    with pytest.raises(LimitReached, match="too long"):
        aggregate(make_explanation("a" * 5000 + "!"), Grouping("pattern", pattern="(a|aa|a*)*(a*)*(a+)+b"))


@pytest.mark.parametrize("how", HOWS)
def test_a_unit_without_visible_tokens_stays_nan(how):
    found = aggregate(generation(scores=SCORES, continuation=("Par", "is", ".")), Grouping("word", how))
    assert np.isnan(found.scores[:, 6]).all()
    assert not np.isnan(found.scores[:, :6]).any()


@pytest.mark.parametrize("name", list(HOSTILE))
def test_hostile_texts_keep_every_character_once(name):
    explanation = make_explanation(HOSTILE[name], (0.1,))
    for level in LEVELS:
        found = aggregate(explanation, Grouping(level, pattern=r"\S+"))
        ends = [0, *(feature.end for feature in found.features)]
        assert all(one <= feature.start for one, feature in zip(ends, found.features, strict=False))
        covered = "".join("".join(token.split()) for token in found.tokens)
        assert covered == "".join(HOSTILE[name].split())
