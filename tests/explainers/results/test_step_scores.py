"""What readers are told of step scores."""

import pytest

from explainers.results.step_scores import STEP_SCORE_INFO, describe_step_score, merge_step_scores, name_step_score
from explainers.tasks.generation.step_scores import STEP_SCORES
from explainers.visualization.text.format import name_score


def test_every_step_score_has_a_label_and_a_sentence_for_readers():
    assert set(STEP_SCORES) == set(STEP_SCORE_INFO)
    for key in STEP_SCORES:
        for name in (name_step_score(key), name_step_score(f"{key}_margin"), name_score(key)):
            assert "_" not in name
        assert describe_step_score(key).endswith(".")
        assert describe_step_score(f"{key}_margin") != describe_step_score(key)


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("in_context_pvi", "In-context PVI (bits)"),
        ("logit_margin", "Logit, margin"),
        ("of_another_version", "of another version"),
    ],
)
def test_a_step_score_is_named_with_its_unit(key, name):
    assert name_step_score(key) == name


@pytest.mark.parametrize(
    ("key", "merged"), [("probability", 0.125), ("cross_entropy", 0.75), ("perplexity", 0.125**0.5), ("new", 0.375)]
)
def test_the_step_scores_of_several_tokens_become_one(key, merged):
    assert merge_step_scores(key, [0.5, 0.25]) == pytest.approx(merged)


def test_names_within_a_sentence_keep_their_capitals():
    assert name_score("kl_divergence") == "KL divergence"
    assert name_score("top_p_size") == "top-p size"
