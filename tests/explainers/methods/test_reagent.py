"""ReAGent against the enumeration of all replacements, and its tokens against the model's own probabilities."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch

from explainers import explain
from explainers.engine import make_problem as make_model_problem
from explainers.engine import validate
from explainers.errors import BadRequest
from explainers.methods.reagent import RANDOM_TOKENS, ReplacedTokens, reagent
from explainers.problem import Points
from explainers.progress import quiet
from tests.support.generation_models import BEFORE, bundle_of, ids_of, request_of
from tests.support.problems import change_problem, make_problem

TABLE = torch.tensor([[0.2], [-1.0], [2.0]])


def predict(points):
    a, b, c = points.sum(-1).T
    return torch.stack([torch.sigmoid(a * b - c), torch.sigmoid(2 * c)], dim=1)


def make_words(fill=None, **more):
    x = TABLE[[2, 0, 1]]
    return make_problem(predict, x, table=TABLE, fill=fill, unit="probability", **more)


def average_over_everything(problem, weights, ratio):
    """Compute the expected scores (T, F) after one step, over all replaced sets and all tokens put in."""
    total = torch.zeros(2, 3, dtype=torch.float64)
    for replaced in product((False, True), repeat=3):
        for ids in product(range(3), repeat=3):
            share = np.prod([ratio if one else 1 - ratio for one in replaced]) * np.prod([weights[i] for i in ids])
            mask = torch.tensor(replaced)
            points = torch.where(mask[:, None], TABLE[list(ids)], problem.x)
            fall = (predict(problem.x) - predict(points))[0].double()
            gain = torch.log((1 + fall) / (1 - fall))[:, None] * torch.where(mask, 1, -1)
            total += share * gain.softmax(-1)
    return total.float()


@pytest.mark.parametrize("weights", [None, (0.7, 0.3, 0.0)])
def test_many_repetitions_are_the_average_over_all_replacements(weights):
    def fill(count, generator):
        return torch.multinomial(torch.tensor(weights), count * 3, True, generator=generator).reshape(count, 3)

    problem = make_words(fill if weights else None)
    attribution = reagent(problem, probes=500, steps=1, ratio=0.4)
    exact = average_over_everything(problem, weights or (1 / 3,) * 3, 0.4)
    assert bool(((attribution.scores - exact).abs() <= 4 * attribution.spread).all())
    assert float(attribution.spread.max()) < 0.03
    assert float((exact - 1 / 3).abs().max()) > 0.04
    assert (RANDOM_TOKENS in problem.run.notices) == (weights is None)


def test_the_only_token_that_matters_gets_nearly_everything_after_many_steps():
    problem = make_problem(
        lambda points: torch.sigmoid(points[:, 1])[:, :1], torch.full((4, 1), 5.0), table=TABLE, unit="probability"
    )
    scores = reagent(problem, probes=4, steps=100).scores[0]
    assert float(scores[1]) > 0.99
    assert problem.run.forward == 401


def test_special_and_invisible_tokens_get_nothing_and_shares_sum_to_one():
    problem = make_words()
    first, *others = problem.features
    visible = torch.tensor([[True, True, False], [True, False, False]])
    problem = replace(problem, features=(replace(first, special=True, word=None), *others), visible=visible)
    scores = reagent(problem).scores
    torch.testing.assert_close(scores, torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]))
    assert not reagent(problem).signed


@pytest.mark.parametrize("batch", [1, 7])
def test_scores_depend_on_the_seed_and_not_on_the_batch(batch):
    one, other = reagent(make_words(seed=3)), reagent(change_problem(make_words(seed=3), size=batch))
    torch.testing.assert_close(one.scores, other.scores)
    assert not torch.equal(one.scores, reagent(make_words(seed=4)).scores)


def test_other_units_are_refused():
    with pytest.raises(BadRequest, match="'logit'"):
        reagent(replace(make_words(), unit="logit"))


def test_a_decoder_fills_each_place_with_what_it_predicts_there():
    bundle = bundle_of("llama")
    asked = request_of("llama", method="reagent")
    request, task, _ = validate(asked)
    problem = make_model_problem(request, task, bundle, quiet)
    draws = problem.internals.fill(4_000, problem.generator)
    explanation = explain(asked, bundle=bundle)
    ids = torch.tensor([[*bundle.tokenizer(BEFORE)["input_ids"], *ids_of(explanation)]])
    assert draws.shape == (4_000, ids.shape[1])
    with torch.no_grad():
        shares = bundle.model(input_ids=ids).logits[0].softmax(-1)
    special = bundle.tokenizer.all_special_ids
    for place in range(1, ids.shape[1]):
        expected = shares[place - 1].clone()
        expected[[*special, int(ids[0, place])]] = 0
        found = torch.bincount(draws[:, place], minlength=len(expected)) / 4_000
        torch.testing.assert_close(found, expected / expected.sum(), atol=0.04, rtol=0)
    assert RANDOM_TOKENS not in explanation.notices
    np.testing.assert_allclose(np.nansum(explanation.scores, 1), 1, atol=1e-5)


def test_replaced_tokens_are_computed_slice_by_slice():
    points: Points = ReplacedTokens(torch.zeros(1, 2, 1), TABLE, torch.tensor([[1, 2]]), torch.tensor([[False, True]]))
    assert points[slice(0, 1)].tolist() == [[[0.0], [2.0]]]
