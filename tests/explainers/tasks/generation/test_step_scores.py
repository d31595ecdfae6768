"""Each step score is the formula that it is named after, worked out another way."""

import math
from itertools import combinations

import pytest
import torch
from torch.distributions import Categorical, kl_divergence

from explainers.errors import BadRequest
from explainers.registry import params_of
from explainers.tasks._scores import name_unit
from explainers.tasks.generation.alignment import align, compute_similarity, parse_alignment
from explainers.tasks.generation.decoding import GenerationParams
from explainers.tasks.generation.step_scores import STEPS, StepInputs, compute_step_score, find_available
from explainers.tasks.tokenization import ScoreParams

B, T, V = 2, 3, 11


@pytest.fixture
def told():
    draw = torch.Generator().manual_seed(5)
    return StepInputs(
        2 * torch.randn(B, T, V, generator=draw),
        torch.tensor([4, 0, 10]),
        without=torch.randn(T, V, generator=draw),
        empty=torch.randn(T, V, generator=draw),
        shaken=torch.randn(4, B, T, V, generator=draw),
        mass=0.6,
    )


def by_row(told, run):
    """The number of every input and token from its logits (V,) alone, (B, T)."""
    return torch.tensor([[run(told.logits[b, t].double(), t, int(told.ids[t])) for t in range(T)] for b in range(B)])


def share(logits, token):
    return float(Categorical(logits=logits).probs[token])


CLOSED = {
    "probability": lambda told: by_row(told, lambda z, t, y: share(z, y)),
    "logit": lambda told: by_row(told, lambda z, t, y: float(z[y])),
    "log_probability": lambda told: by_row(told, lambda z, t, y: math.log(share(z, y))),
    "cross_entropy": lambda told: by_row(
        told, lambda z, t, y: float(torch.nn.functional.cross_entropy(z[None], torch.tensor([y])))
    ),
    "perplexity": lambda told: by_row(told, lambda z, t, y: 1 / share(z, y)),
    "entropy": lambda told: by_row(told, lambda z, t, y: float(Categorical(logits=z).entropy())),
    "kl_divergence": lambda told: by_row(
        told,
        lambda z, t, y: float(kl_divergence(Categorical(logits=z), Categorical(logits=told.without[t].double()))),
    ),
    "p_cxmi": lambda told: by_row(told, lambda z, t, y: math.log2(share(z, y) / share(told.without[t], y))),
    "in_context_pvi": lambda told: by_row(told, lambda z, t, y: math.log2(share(z, y) / share(told.empty[t], y))),
    "dropout_spread": lambda told: torch.tensor(
        [
            [
                torch.tensor([share(told.shaken[k, b, t], int(told.ids[t])) for k in range(4)]).std(correction=0)
                for t in range(T)
            ]
            for b in range(B)
        ]
    ),
}


def smallest_set(logits, mass):
    """How many of the likeliest tokens it takes, counted one by one."""
    total, count = 0.0, 0
    for probability in sorted(Categorical(logits=logits).probs.tolist(), reverse=True):
        if total >= mass:
            break
        total, count = total + probability, count + 1
    return float(count)


CLOSED["top_p_size"] = lambda told: by_row(told, lambda z, t, y: smallest_set(z, 0.6))


@pytest.mark.parametrize("key", list(CLOSED))
def test_a_step_score_is_its_formula(told, key):
    found = compute_step_score(told, key)
    assert found.shape == (B, T)
    torch.testing.assert_close(found, CLOSED[key](told).float(), atol=1e-5, rtol=1e-5)


def test_every_step_score_is_proved_and_can_be_explained():
    unit = next(param for param in params_of(GenerationParams) if param.name == "unit")
    assert set(CLOSED) == set(STEPS) == set(unit.choices)


@pytest.mark.parametrize("key", [step.key for step in STEPS.values() if step.contrasts])
def test_a_contrast_is_the_number_of_the_token_minus_that_of_its_foil(told, key):
    foils = torch.tensor([1, 2, 3])
    found = compute_step_score(StepInputs(told.logits, told.ids, foils), key)
    other = StepInputs(told.logits, foils)
    torch.testing.assert_close(
        found, compute_step_score(StepInputs(told.logits, told.ids), key) - compute_step_score(other, key)
    )


def test_a_step_score_is_offered_only_where_its_needs_are_met(told):
    plain = {step.key for step in find_available(StepInputs(told.logits, told.ids))}
    assert set(STEPS) - plain == {"kl_divergence", "p_cxmi", "in_context_pvi", "dropout_spread"}
    assert {step.key for step in find_available(told)} == set(STEPS)


def test_the_units_of_classes_and_those_of_written_tokens_are_called_alike():
    unit = next(param for param in params_of(ScoreParams) if param.name == "unit")
    assert {"probability", "logit"} <= set(unit.choices) & set(STEPS)
    assert name_unit("logit", "softmax", 3) == "logit_margin"


def test_equal_tokens_are_set_against_each_other_and_one_too_many_is_left_alone():
    table = torch.nn.functional.one_hot(torch.arange(9)).float()
    assert align(compute_similarity(table, [1, 2, 3], [1, 2, 3])) == {0: 0, 1: 1, 2: 2}
    assert align(compute_similarity(table, [1, 2, 3], [1, 3])) == {0: 0, 2: 1}
    assert align(compute_similarity(table, [1, 2, 3], [1, 7, 8, 3])) in ({0: 0, 1: 1, 2: 3}, {0: 0, 1: 2, 2: 3})
    assert align(compute_similarity(table, [4, 2, 3], [5, 2, 3])) == {0: 0, 1: 1, 2: 2}


def test_an_alignment_costs_no_more_than_any_other_in_order():
    """Against every way to set four tokens against three in order."""
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


def test_pairs_by_hand_are_counted_from_one_and_refused_where_there_is_no_token():
    assert parse_alignment("1:1, 3:2", 3, 2) == {0: 0, 2: 1}
    for wrong in ("", "1", "0:1", "4:1", "1:3", "1:1;2:2", "a:b"):
        with pytest.raises(BadRequest, match="written text has 3 and the other 2"):
            parse_alignment(wrong, 3, 2)
