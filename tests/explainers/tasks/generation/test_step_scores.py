"""Each step score equals its formula, computed another way; alignments are optimal."""

import math
from itertools import combinations

import pytest
import torch
from torch.distributions import Categorical, kl_divergence

from explainers.errors import BadRequest
from explainers.registry import list_params
from explainers.tasks._scores import name_unit
from explainers.tasks.generation.alignment import align, compute_similarity, parse_alignment
from explainers.tasks.generation.decoding import GenerationParams
from explainers.tasks.generation.step_scores import STEP_SCORES, StepInputs, compute_step_score, find_available
from explainers.tasks.tokenization import ScoreParams

B, T, V = 2, 3, 11


@pytest.fixture
def inputs():
    draw = torch.Generator().manual_seed(5)
    return StepInputs(
        2 * torch.randn(B, T, V, generator=draw),
        torch.tensor([4, 0, 10]),
        without_context=torch.randn(T, V, generator=draw),
        without_input=torch.randn(T, V, generator=draw),
        dropout_logits=torch.randn(4, B, T, V, generator=draw),
        top_p_mass=0.6,
    )


def map_rows(inputs, run):
    """Compute the number of every input and token from its logits (V,) alone, (B, T)."""
    return torch.tensor(
        [[run(inputs.logits[b, t].double(), t, int(inputs.ids[t])) for t in range(T)] for b in range(B)]
    )


def compute_p(logits, token):
    return float(Categorical(logits=logits).probs[token])


CLOSED = {
    "probability": lambda inputs: map_rows(inputs, lambda z, t, y: compute_p(z, y)),
    "logit": lambda inputs: map_rows(inputs, lambda z, t, y: float(z[y])),
    "log_probability": lambda inputs: map_rows(inputs, lambda z, t, y: math.log(compute_p(z, y))),
    "cross_entropy": lambda inputs: map_rows(
        inputs, lambda z, t, y: float(torch.nn.functional.cross_entropy(z[None], torch.tensor([y])))
    ),
    "perplexity": lambda inputs: map_rows(inputs, lambda z, t, y: 1 / compute_p(z, y)),
    "entropy": lambda inputs: map_rows(inputs, lambda z, t, y: float(Categorical(logits=z).entropy())),
    "kl_divergence": lambda inputs: map_rows(
        inputs,
        lambda z, t, y: float(
            kl_divergence(Categorical(logits=z), Categorical(logits=inputs.without_context[t].double()))
        ),
    ),
    "p_cxmi": lambda inputs: map_rows(
        inputs, lambda z, t, y: math.log2(compute_p(z, y) / compute_p(inputs.without_context[t], y))
    ),
    "in_context_pvi": lambda inputs: map_rows(
        inputs, lambda z, t, y: math.log2(compute_p(z, y) / compute_p(inputs.without_input[t], y))
    ),
    "dropout_spread": lambda inputs: torch.tensor(
        [
            [
                torch.tensor([compute_p(inputs.dropout_logits[k, b, t], int(inputs.ids[t])) for k in range(4)]).std(
                    correction=0
                )
                for t in range(T)
            ]
            for b in range(B)
        ]
    ),
}


def count_smallest_set(logits, mass):
    """Count the most probable tokens that reach this probability, one by one."""
    total, count = 0.0, 0
    for probability in sorted(Categorical(logits=logits).probs.tolist(), reverse=True):
        if total >= mass:
            break
        total, count = total + probability, count + 1
    return float(count)


CLOSED["top_p_size"] = lambda inputs: map_rows(inputs, lambda z, t, y: count_smallest_set(z, 0.6))


@pytest.mark.parametrize("key", list(CLOSED))
def test_a_step_score_equals_its_formula(inputs, key):
    scores = compute_step_score(inputs, key)
    assert scores.shape == (B, T)
    torch.testing.assert_close(scores, CLOSED[key](inputs).float(), atol=1e-5, rtol=1e-5)


def test_every_step_score_is_tested_and_is_a_choice_of_the_setting():
    unit = next(param for param in list_params(GenerationParams) if param.name == "unit")
    assert set(CLOSED) == set(STEP_SCORES) == set(unit.choices)


@pytest.mark.parametrize("key", [step.key for step in STEP_SCORES.values() if step.contrasts])
def test_a_contrast_is_the_score_of_the_token_minus_that_of_its_foil(inputs, key):
    foils = torch.tensor([1, 2, 3])
    scores = compute_step_score(StepInputs(inputs.logits, inputs.ids, foils), key)
    other = StepInputs(inputs.logits, foils)
    torch.testing.assert_close(
        scores, compute_step_score(StepInputs(inputs.logits, inputs.ids), key) - compute_step_score(other, key)
    )


def test_a_step_score_is_available_only_if_its_needs_are_met(inputs):
    plain = {step.key for step in find_available(StepInputs(inputs.logits, inputs.ids))}
    assert set(STEP_SCORES) - plain == {"kl_divergence", "p_cxmi", "in_context_pvi", "dropout_spread"}
    assert {step.key for step in find_available(inputs)} == set(STEP_SCORES)


def test_the_units_of_classes_and_of_generated_tokens_share_their_names():
    unit = next(param for param in list_params(ScoreParams) if param.name == "unit")
    assert {"probability", "logit"} <= set(unit.choices) & set(STEP_SCORES)
    assert name_unit("logit", "softmax", 3) == "logit_margin"


def test_equal_tokens_align_and_an_extra_one_has_no_counterpart():
    table = torch.nn.functional.one_hot(torch.arange(9)).float()
    assert align(compute_similarity(table, [1, 2, 3], [1, 2, 3])) == {0: 0, 1: 1, 2: 2}
    assert align(compute_similarity(table, [1, 2, 3], [1, 3])) == {0: 0, 2: 1}
    assert align(compute_similarity(table, [1, 2, 3], [1, 7, 8, 3])) in ({0: 0, 1: 1, 2: 3}, {0: 0, 1: 2, 2: 3})
    assert align(compute_similarity(table, [4, 2, 3], [5, 2, 3])) == {0: 0, 1: 1, 2: 2}


def test_an_alignment_costs_no_more_than_any_other_in_order():
    """Compare with every alignment of four tokens with three."""
    draw = torch.Generator().manual_seed(1)
    for _ in range(20):
        alike = torch.rand(4, 3, generator=draw) * 2 - 1

        def cost(pairs, alike=alike):
            return sum(1 - float(alike[i, j]) for i, j in pairs) + 4 + 3 - 2 * len(pairs)

        every = [
            tuple(zip(own, other, strict=True))
            for size in range(4)
            for own in combinations(range(4), size)
            for other in combinations(range(3), size)
        ]
        assert cost(align(alike).items()) == pytest.approx(min(map(cost, every)))


def test_an_alignment_by_hand_counts_from_one_and_refuses_missing_tokens():
    assert parse_alignment("1:1, 3:2", range(3), 2) == {0: 0, 2: 1}
    for wrong in ("", "1", "0:1", "4:1", "1:3", "1:1;2:2", "a:b"):
        with pytest.raises(BadRequest, match=r"Tokens 1 to 3 .* the other text has 2"):
            parse_alignment(wrong, range(3), 2)
    with pytest.raises(BadRequest, match="Tokens 2 to 3"):
        parse_alignment("1:1", range(1, 3), 2)
    with pytest.raises(BadRequest, match="pairs token 1 twice"):
        parse_alignment("1:1, 1:2", range(3), 2)
