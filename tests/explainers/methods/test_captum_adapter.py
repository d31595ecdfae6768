"""The Captum adapter: equal to Captum on the embeddings, one pass for all targets, cancellable, reproducible."""

import threading
from dataclasses import replace
from functools import partial

import captum.attr
import numpy as np
import pytest
import torch

from explainers.methods.captum_adapter import GroupForward
from explainers.methods.lime import lime
from explainers.methods.occlusion import occlusion
from explainers.methods.shapley import kernel_shap, shapley_value_sampling
from explainers.progress import Run
from tests.support.problems import make_problem

METHODS = {
    "occlusion": occlusion,
    "lime": partial(lime, samples=40),
    "kernel_shap": partial(kernel_shap, samples=40),
    "shapley_value_sampling": partial(shapley_value_sampling, orders=3),
}


def make_crossed_problem(batch=4, **more):
    """Make a problem with two scores of seven features, of which the first two are one word."""

    def score(points):
        sums = points.sum(-1)
        return torch.stack([sums[:, 0] * sums[:, 1] + sums[:, 2] * sums[:, 3:].sum(1), torch.tanh(sums).sum(1)], dim=1)

    x, baseline = torch.randn(2, 7, 3, generator=torch.Generator().manual_seed(6))
    problem = make_problem(score, x, baseline, size=batch, **more)
    first, second, *others = problem.features
    return replace(problem, features=(first, replace(second, word=first.word), *others))


GROUPS = torch.tensor([0, 0, 1, 2, 3, 4, 5])


@pytest.mark.parametrize("batch", [1, 4, 64])
def test_occlusion_equals_captums_feature_ablation_of_the_embeddings(batch):
    problem = make_crossed_problem(batch)
    ablation = captum.attr.FeatureAblation(problem.score)
    mask = GROUPS[None, :, None].expand_as(problem.x)
    scores = occlusion(problem).scores
    for target, row in enumerate(scores):
        theirs = ablation.attribute(problem.x, problem.baseline, target=target, feature_mask=mask)[0, :, 0]
        torch.testing.assert_close(row, theirs / torch.tensor([2, 2, 1, 1, 1, 1, 1]))
    assert problem.run.forward == 7


def test_shapley_values_equal_captums_of_the_embeddings():
    problem = make_crossed_problem()
    mask = GROUPS[None, :, None].expand_as(problem.x).clone()
    values = captum.attr.ShapleyValues(problem.score)
    exact = torch.stack([values.attribute(problem.x, problem.baseline, t, feature_mask=mask)[0, :, 0] for t in (0, 1)])
    right = exact / torch.tensor([2, 2, 1, 1, 1, 1, 1])
    torch.testing.assert_close(kernel_shap(problem, samples=62).scores, right, atol=1e-5, rtol=1e-5)
    sampled = shapley_value_sampling(problem, orders=400)
    assert bool(((sampled.scores - right).abs() <= 4 * sampled.spread + 1e-5).all())


def test_shapley_sampling_evaluates_each_coalition_once():
    problem = make_crossed_problem()
    shapley_value_sampling(problem, orders=400)
    assert problem.run.forward == problem.run.expected == 2**6


@pytest.mark.parametrize("batch", [1, 3, 64])
def test_the_forward_function_returns_all_targets_in_batches_of_the_problem(batch):
    sizes = []
    found = make_crossed_problem(batch)
    forward = GroupForward(
        replace(found, score=lambda points: (sizes.append(len(points)), found.score(points))[1]), GROUPS
    )
    masks = torch.rand(10, 6, generator=torch.Generator().manual_seed(1)) < 0.5
    values = forward(masks.float())
    points = torch.where(masks[:, GROUPS, None], found.x, found.baseline)
    torch.testing.assert_close(values, found.score(points))
    assert max(sizes) <= batch
    assert sum(sizes) == found.run.forward == 10
    cached = GroupForward(replace(found, run=Run()), GROUPS, cache={})
    torch.testing.assert_close(cached(torch.cat([masks, masks]).float()), torch.cat([values, values]))
    assert cached.problem.run.forward == len(masks.unique(dim=0))


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_all_targets_cost_no_more_passes_than_one(method):
    problem = make_crossed_problem(run=Run())
    both = method(problem).scores
    alone = replace(problem.select_targets(slice(1, 2)), run=Run())
    torch.testing.assert_close(method(alone).scores, both[1:])
    assert alone.run.forward == problem.run.forward


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_a_cancelled_run_stops_at_the_next_batch(method):
    class Enough(Exception):
        pass

    def progress(_, share):
        shares.append(share)
        if len(shares) == 2:
            raise Enough

    shares = []
    problem = make_crossed_problem(batch=2, run=Run(progress=progress))
    with pytest.raises(Enough):
        method(problem)
    assert problem.run.forward <= 4
    assert len(shares) == 2


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_nothing_is_drawn_from_the_process_wide_generators(method):
    before, numbers = torch.get_rng_state(), np.random.get_state()[1].copy()
    method(make_crossed_problem(seed=3))
    assert torch.equal(before, torch.get_rng_state())
    assert np.array_equal(numbers, np.random.get_state()[1])


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_explanations_in_two_threads_equal_those_computed_alone(method):
    def run(seed):
        barrier.wait()
        for _ in range(5):
            found[seed].append(method(make_crossed_problem(seed=seed)).scores)

    found, barrier = {4: [], 5: []}, threading.Barrier(2)
    threads = [threading.Thread(target=run, args=(seed,)) for seed in found]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed, scores in found.items():
        alone = method(make_crossed_problem(seed=seed)).scores
        assert [torch.equal(one, alone) for one in scores] == [True] * 5
    assert method is occlusion or not torch.equal(found[4][0], found[5][0])
