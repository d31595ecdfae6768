"""The adapter to Captum: equal to Captum on the embeddings, one pass for all targets, cancelled, reproducible."""

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


def crossed(batch=4, **more):
    """Two scores of seven features, of which the first two are one word."""

    def score(points):
        sums = points.sum(-1)
        return torch.stack([sums[:, 0] * sums[:, 1] + sums[:, 2] * sums[:, 3:].sum(1), torch.tanh(sums).sum(1)], dim=1)

    x, baseline = torch.randn(2, 7, 3, generator=torch.Generator().manual_seed(6))
    found = make_problem(score, x, baseline, size=batch, **more)
    first, second, *others = found.features
    return replace(found, features=(first, replace(second, word=first.word), *others))


GROUPS = torch.tensor([0, 0, 1, 2, 3, 4, 5])


@pytest.mark.parametrize("batch", [1, 4, 64])
def test_occlusion_is_captums_feature_ablation_of_the_embeddings(batch):
    found = crossed(batch)
    ablation = captum.attr.FeatureAblation(found.score)
    mask = GROUPS[None, :, None].expand_as(found.x)
    scores = occlusion(found).scores
    for target, row in enumerate(scores):
        theirs = ablation.attribute(found.x, found.baseline, target=target, feature_mask=mask)[0, :, 0]
        torch.testing.assert_close(row, theirs / torch.tensor([2, 2, 1, 1, 1, 1, 1]))
    assert found.run.forward == 7


def test_shapley_values_over_all_orders_are_captums_of_the_embeddings():
    found = crossed()
    mask = GROUPS[None, :, None].expand_as(found.x).clone()
    values = captum.attr.ShapleyValues(found.score)
    exact = torch.stack([values.attribute(found.x, found.baseline, t, feature_mask=mask)[0, :, 0] for t in (0, 1)])
    right = exact / torch.tensor([2, 2, 1, 1, 1, 1, 1])
    torch.testing.assert_close(kernel_shap(found, samples=62).scores, right, atol=1e-5, rtol=1e-5)
    sampled = shapley_value_sampling(found, orders=400)
    assert bool(((sampled.scores - right).abs() <= 4 * sampled.spread + 1e-5).all())


def test_sampled_orders_are_evaluated_once_for_each_choice_of_parts():
    found = crossed()
    shapley_value_sampling(found, orders=400)
    assert found.run.forward == found.run.expected == 2**6


@pytest.mark.parametrize("batch", [1, 3, 64])
def test_a_forward_function_gives_all_targets_in_batches_of_the_problem(batch):
    sizes = []
    found = crossed(batch)
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
    found = crossed(run=Run())
    both = method(found).scores
    alone = replace(found.select_targets(slice(1, 2)), run=Run())
    torch.testing.assert_close(method(alone).scores, both[1:])
    assert alone.run.forward == found.run.forward


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_a_cancelled_run_stops_at_the_next_batch(method):
    class Enough(Exception):
        pass

    def progress(_, share):
        shares.append(share)
        if len(shares) == 2:
            raise Enough

    shares = []
    found = crossed(batch=2, run=Run(progress=progress))
    with pytest.raises(Enough):
        method(found)
    assert found.run.forward <= 4
    assert len(shares) == 2


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_nothing_is_drawn_from_the_process_wide_generators(method):
    before, numbers = torch.get_rng_state(), np.random.get_state()[1].copy()
    method(crossed(seed=3))
    assert torch.equal(before, torch.get_rng_state())
    assert np.array_equal(numbers, np.random.get_state()[1])


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_two_explanations_in_two_threads_are_those_that_each_is_alone(method):
    def run(seed):
        barrier.wait()
        for _ in range(5):
            found[seed].append(method(crossed(seed=seed)).scores)

    found, barrier = {4: [], 5: []}, threading.Barrier(2)
    threads = [threading.Thread(target=run, args=(seed,)) for seed in found]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed, scores in found.items():
        alone = method(crossed(seed=seed)).scores
        assert [torch.equal(one, alone) for one in scores] == [True] * 5
    assert method is occlusion or not torch.equal(found[4][0], found[5][0])
