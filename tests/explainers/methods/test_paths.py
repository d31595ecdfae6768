"""Sequential, discretized and random paths, and noisy gradients, against papers, Captum and closed forms."""

from dataclasses import replace
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from explainers import Bundle, Request, explain
from explainers.errors import Incompatible
from explainers.methods.discretized_integrated_gradients import discretized_integrated_gradients, find_path
from explainers.methods.gradient_shap import gradient_shap
from explainers.methods.integrated_gradients import integrated_gradients
from explainers.methods.occlusion import occlusion
from explainers.methods.sequential_integrated_gradients import sequential_integrated_gradients
from explainers.methods.smooth_grad import smooth_grad, square_grad, var_grad
from explainers.problem import NoisyCopies
from tests.support.problems import change_problem, make_linear_problem, make_problem
from tests.support.sentences import SENTENCES
from tests.support.tiny import tiny

TABLE = 0.5 * torch.randn(60, 8, generator=torch.Generator().manual_seed(6))


def make_curved_problem(**more):
    """Make a problem with interacting and saturating features, whose words are rows of TABLE."""

    def score(points):
        sums = points.sum(-1)  # (B, F)
        return torch.stack([torch.tanh(sums[:, 0] * sums[:, 1]) + sums[:, 2] ** 2, sums.prod(1)], dim=1)

    return make_problem(score, TABLE[[3, 8, 12, 20]], TABLE[[0, 0, 0, 0]], table=TABLE, **more)


@pytest.mark.parametrize("level", ["token", "word"])
@pytest.mark.parametrize("batch", [3, 100])
def test_sequential_integrated_gradients_sum_to_occlusion(level, batch):
    problem = make_curved_problem(size=batch)
    words = (0, 0, 1, 2)
    problem = replace(problem, features=tuple(replace(f, word=w) for f, w in zip(problem.features, words, strict=True)))
    ours, theirs = (
        m(problem, level=level).scores for m in (partial(sequential_integrated_gradients, steps=40), occlusion)
    )
    if level == "word":
        ours, theirs = (
            torch.cat([scores[:, :2].sum(1, keepdim=True), scores[:, 2:]], dim=1) for scores in (ours, theirs)
        )
    assert_close(ours, theirs, atol=1e-3, rtol=1e-3)


def test_the_paths_of_a_linear_score_give_weight_times_change_each():
    problem, _, products = make_linear_problem(5, 3)
    problem = change_problem(problem, table=torch.cat([problem.x[0], problem.baseline[0], TABLE[:, :3]]))
    for method in (
        partial(sequential_integrated_gradients, steps=1),
        partial(discretized_integrated_gradients, steps=7),
        partial(gradient_shap, noise=0),
    ):
        assert_close(method(problem).scores, products, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("anchors", ["greedy", "maxcount"])
def test_a_discretized_path_is_monotonic_and_ends_at_the_baseline(anchors):
    problem = make_curved_problem()
    points = find_path(problem.x[0], problem.baseline[0], TABLE, 9, 10, anchors, problem)  # (10, F, D)
    assert_close(points[0], problem.x[0])
    assert_close(points[-1], problem.baseline[0])
    steps = points.diff(dim=0) * (problem.baseline[0] - problem.x[0]).sign()
    assert float(steps.min()) > -1e-6


def test_each_point_of_a_greedy_path_is_near_the_word_that_needs_least_change():
    """The second point from the text, problem word by word and dimension by dimension."""
    x, end = TABLE[3], TABLE[0]
    best = None
    nearest = sorted((i for i in range(len(TABLE)) if i not in (0, 3)), key=lambda i: float((TABLE[i] - x).norm()))[:10]
    for i in nearest:
        moved = [
            float(w) if min(a, b) <= w <= max(a, b) else float(a + (b - a) / 9)
            for w, a, b in zip(TABLE[i], x, end, strict=True)
        ]
        change = float((torch.tensor(moved) - TABLE[i]).norm())
        best = min(best or (np.inf, []), (change, moved))
    problem = make_curved_problem()
    assert_close(find_path(x[None], end[None], TABLE, 9, 10, "greedy", problem)[1, 0], torch.tensor(best[1]))


def test_discretized_gradients_are_added_up_step_by_step_from_the_baseline():
    problem = make_curved_problem()
    points = find_path(problem.x[0], problem.baseline[0], TABLE, 5, 20, "greedy", problem).flip(0)  # (6, F, D)
    right = torch.zeros(2, 4)
    for here, there in pairwise(points):
        here = here[None].requires_grad_()
        for t, score in enumerate(problem.score(here)[0]):
            (gradient,) = torch.autograd.grad(score, here, retain_graph=True)
            right[t] += (gradient[0] * (there - here[0])).sum(-1).detach()
    assert_close(
        discretized_integrated_gradients(problem, steps=5, neighbours=20, upscale=1).scores, right, atol=1e-4, rtol=1e-4
    )


def test_discretized_gradients_sum_to_the_change_with_fine_steps():
    problem = make_curved_problem()
    change = (problem.score(problem.x) - problem.score(problem.baseline))[0]
    scores = discretized_integrated_gradients(problem, steps=5, upscale=50).scores
    assert float((scores.sum(1) - change).abs().sum()) < 0.1 * float(change.abs().sum())


def test_gradient_shap_is_the_mean_over_its_own_copies_and_points():
    problem = make_curved_problem(seed=4, size=3)
    deviation = 0.2 * float(problem.x.max() - problem.x.min())
    copies = NoisyCopies(problem.x, deviation, 10, 4)[0:10]
    alphas = torch.rand(10, generator=torch.Generator().manual_seed(4))
    points = (problem.baseline + alphas[:, None, None] * (copies - problem.baseline)).requires_grad_()
    scores = problem.score(points)
    gradients = [torch.autograd.grad(scores[:, t].sum(), points, retain_graph=True)[0] for t in range(2)]
    each = torch.stack([(gradient * (copies - problem.baseline)).sum(-1) for gradient in gradients], dim=1)
    ours = gradient_shap(problem, samples=10, noise=0.2)
    assert_close(ours.scores, each.mean(0))
    assert float(ours.spread[1].min()) > 0


def test_gradient_shap_without_noise_approaches_integrated_gradients():
    exact = integrated_gradients(make_curved_problem(), tolerance=0.001).scores
    ours = gradient_shap(make_curved_problem(), samples=1_500, noise=0)
    assert bool(((ours.scores - exact).abs() <= 4 * ours.spread + 1e-3 * exact.abs().max()).all())
    assert float((ours.scores - exact).abs().sum()) < 0.1 * float(exact.abs().sum())


def test_square_and_variance_of_gradients_are_those_of_the_same_copies():
    problem = make_curved_problem(seed=9, size=4)
    deviation = 0.3 * float(problem.x.max() - problem.x.min())
    copies = NoisyCopies(problem.x, deviation, 13, 9)[0:13].requires_grad_()
    scores = problem.score(copies)
    each = torch.stack([torch.autograd.grad(scores[:, t].sum(), copies, retain_graph=True)[0] for t in range(2)], 1)
    assert_close(
        smooth_grad(problem, samples=13, noise=0.3, norm="signed").scores, each.mean(0).sum(-1), atol=1e-4, rtol=1e-4
    )
    assert_close(square_grad(problem, samples=13, noise=0.3).scores, (each**2).mean(0).sum(-1), atol=1e-4, rtol=1e-4)
    variance = each.var(0, unbiased=False).sum(-1)
    assert_close(var_grad(problem, samples=13, noise=0.3).scores, variance, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("method", [square_grad, var_grad])
def test_a_linear_score_has_its_squared_weights_and_no_variance(method):
    problem, weights, _ = make_linear_problem()
    right = weights.square().sum(-1) if method is square_grad else torch.zeros(2, 5)
    assert_close(method(problem).scores, right, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    "method",
    [smooth_grad, partial(smooth_grad, norm="signed"), square_grad, var_grad, partial(gradient_shap, samples=30)],
    ids=["smooth_grad", "smooth_grad signed", "square_grad", "var_grad", "gradient_shap"],
)
def test_the_standard_error_is_how_far_other_seeds_move_the_scores(method):
    attributions = [method(make_curved_problem(seed=seed)) for seed in range(40)]
    moved = torch.stack([one.scores for one in attributions]).std(0).square().mean().sqrt()
    told = torch.stack([one.spread for one in attributions]).square().mean().sqrt()
    assert 0.6 < float(told / moved) < 1.6
    assert float(moved) > 1e-3
    assert method(make_curved_problem(), **{"samples": 1}).spread is None


def test_methods_that_need_words_refuse_position_embeddings():
    bundle = Bundle.of(*tiny("bert"))
    for method in ("sequential_integrated_gradients", "discretized_integrated_gradients"):
        with pytest.raises(Incompatible, match="Set Embedding to word"):
            explain(
                Request(
                    "text_classification", "tiny", {"text": SENTENCES[1]}, method, params={"embedding": "position"}
                ),
                bundle=bundle,
            )
