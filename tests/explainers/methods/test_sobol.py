"""Sobol indices against enumeration and closed forms."""

import math
from dataclasses import replace
from itertools import product

import pytest
import torch

from explainers.methods.sobol import sobol
from tests.support.problems import make_problem

WEIGHTS = torch.tensor([3.0, -1.0, 0.5, 2.0])


def compute_by_enumeration(problem):
    """Compute total-order indices (T, F) by definition: the expected variance over one feature, given the others."""
    count = len(problem.features)
    masks = list(product((False, True), repeat=count))
    values = {mask: problem.keep(torch.tensor([mask]))[0].double() for mask in masks}
    variance = torch.stack([*values.values()]).var(0, correction=0)
    rows = []
    for i in range(count):
        pairs = [(values[(*m[:i], False, *m[i + 1 :])], values[(*m[:i], True, *m[i + 1 :])]) for m in masks]
        rows.append(torch.stack([torch.stack(pair).var(0, correction=0) for pair in pairs]).mean(0) / variance)
    return torch.stack(rows, dim=1).float()


def make_sum():
    """Make a sum of features: the share of each is its squared weight."""
    return make_problem(lambda points: (points[:, :, 0] * WEIGHTS).sum(1, keepdim=True), torch.ones(4, 1))


def make_mixture(**more):
    """Make two scores: a product of the first three features, and one with interactions of two and three."""

    def score(points):
        a, b, c, d = points.sum(-1).T
        return torch.stack([a * b * c, a * d - 2 * b + torch.tanh(a * b * d)], dim=1)

    return make_problem(score, torch.tensor([[1.0], [2.0], [0.5], [-1.0]]), **more)


def test_the_indices_of_a_sum_are_its_squared_weights_as_shares():
    attribution = sobol(make_sum())
    torch.testing.assert_close(attribution.scores[0], WEIGHTS**2 / (WEIGHTS**2).sum())
    assert attribution.spread is None
    assert not attribution.signed


def test_the_indices_of_a_product_exceed_one_together():
    """F = m1 m2 m3 has variance 1/8 - 1/64; given the others, m1 varies by 1/4 where both are kept, 1 in 4."""
    scores = sobol(make_mixture()).scores[0]
    torch.testing.assert_close(scores, torch.tensor([4 / 7, 4 / 7, 4 / 7, 0.0]))


def test_few_features_are_enumerated():
    problem = make_mixture()
    torch.testing.assert_close(sobol(problem, level="token", samples=4).scores, compute_by_enumeration(problem))
    assert problem.run.forward == 2 * 2**4  # ours, and those of the enumeration


@pytest.mark.parametrize("batch", [1, 7])
def test_sampled_indices_are_the_exact_ones_within_their_standard_error(batch):
    weights = torch.linspace(-1, 2, 12)

    def score(points):
        x = points[:, :, 0]
        return torch.stack([(x * weights).sum(1), x[:, 0] * x[:, 5] + x[:, 7]], dim=1)

    problem = make_problem(score, torch.ones(12, 1), seed=2)
    problem = replace(problem, batching=replace(problem.batching, size=batch))
    attribution = sobol(problem, level="token", samples=300)
    assert problem.run.forward == 300 * 13
    mixed = torch.zeros(12)  # variances: 1/4 of x7, and 3/16 of the product, of which either feature alone moves 1/8
    mixed[[0, 5, 7]] = torch.tensor([1 / 8, 1 / 8, 1 / 4]) / (3 / 16 + 1 / 4)
    exact = torch.stack([weights**2 / (weights**2).sum(), mixed])
    assert bool(((attribution.scores - exact).abs() <= 4 * attribution.spread + 1e-6).all())
    assert float((attribution.scores - exact).abs().max()) < 0.06


def test_the_standard_error_is_how_far_other_seeds_move_the_indices():
    def score(points):
        x = points.sum(-1)
        return torch.tanh(x[:, ::2].sum(1) * x[:, 1::2].sum(1) + x[:, 3])[:, None]

    x = torch.randn(12, 2, generator=torch.Generator().manual_seed(8))
    attributions = [sobol(make_problem(score, x, seed=seed), level="token", samples=40) for seed in range(40)]
    moved = torch.stack([one.scores for one in attributions]).std(0).square().mean().sqrt()
    told = torch.stack([one.spread for one in attributions]).square().mean().sqrt()
    assert 0.6 < float(told / moved) < 1.6
    assert not torch.equal(attributions[0].scores, attributions[1].scores)


def test_words_share_the_index_of_their_tokens_and_special_tokens_have_none():
    problem = make_sum()
    first, *others = problem.features
    features = (replace(first, special=True, word=None), *(replace(f, word=min(f.word, 2)) for f in others))
    scores = sobol(replace(problem, features=features)).scores[0]
    both = (WEIGHTS[2] + WEIGHTS[3]) ** 2
    expected = torch.stack([torch.tensor(0.0), WEIGHTS[1] ** 2, both / 2, both / 2]) / (WEIGHTS[1] ** 2 + both)
    torch.testing.assert_close(scores, expected)


def test_a_constant_score_has_no_variance_to_share():
    problem = make_problem(lambda points: torch.full((len(points), 1), 0.3), torch.ones(3, 1))
    scores = sobol(problem).scores
    assert math.isfinite(float(scores.sum()))
    assert float(scores.sum()) == 0
    (notice,) = problem.run.notices
    assert "hardly changes" in notice
