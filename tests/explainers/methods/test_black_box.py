"""LIME, KernelSHAP and Shapley value sampling against brute force, Captum and the papers' axioms."""

from dataclasses import replace
from functools import partial
from itertools import combinations
from math import comb, factorial

import numpy as np
import pytest
import torch
from captum._utils.models.linear_model import SkLearnRidge
from captum.attr import LimeBase, ShapleyValues

from explainers import Bundle, Request, explain
from explainers.methods.feature_groups import group_features
from explainers.methods.lime import KERNEL_WIDTH, draw_masks, lime
from explainers.methods.occlusion import occlusion
from explainers.methods.shapley import kernel_shap, shapley_value_sampling
from explainers.results.explanation import Pixels
from tests.support.problems import change_problem, make_linear_problem, make_problem
from tests.support.sentences import SENTENCES
from tests.support.tiny import tiny


def interacting(points):
    """Compute two scores with interactions of two and three features; the two numbers of a feature are summed."""
    a, b, c, d, e = points.sum(-1).T
    return torch.stack([a * b + 2 * c - d * e * a, torch.tanh(a + b * c) + 0.3 * e], dim=1)


def make_interacting_problem(**more):
    generator = torch.Generator().manual_seed(5)
    x, baseline = torch.randn(2, 5, 2, generator=generator)
    return make_problem(interacting, x, baseline, **more)


def compute_by_brute_force(found):
    """Compute Shapley values (T, F) by definition: the mean rise over all coalitions, weighted by size."""
    count = len(found.features)

    def value(kept):
        mask = torch.zeros(1, count, dtype=torch.bool)
        mask[0, list(kept)] = True
        return found.keep(mask)[0].double()

    values = torch.zeros(len(found.targets), count, dtype=torch.float64)
    for i in range(count):
        others = [j for j in range(count) if j != i]
        for size in range(count):
            share = factorial(size) * factorial(count - size - 1) / factorial(count)
            for kept in combinations(others, size):
                values[:, i] += share * (value((*kept, i)) - value(kept))
    return values.float()


def test_sampled_shapley_values_equal_brute_force_within_their_standard_error():
    problem = make_interacting_problem()
    sampled = shapley_value_sampling(problem, level="token", orders=200)
    difference = (sampled.scores - compute_by_brute_force(problem)).abs()
    assert bool((difference <= 4 * sampled.spread + 1e-5).all())
    assert float(difference.sum()) < 0.05 * float(sampled.scores.abs().sum())


@pytest.mark.parametrize("samples", [4, 20, 5_000])
def test_kernel_shap_of_a_linear_score_is_weight_times_change_with_enough_samples(samples):
    problem, _, products = make_linear_problem(8)
    scores = kernel_shap(problem, level="token", samples=max(samples, 20)).scores
    torch.testing.assert_close(scores, products, atol=1e-4, rtol=1e-4)
    few = kernel_shap(problem, level="token", samples=samples).scores
    torch.testing.assert_close(few.sum(1), products.sum(1), atol=1e-4, rtol=1e-4)


def test_shapley_value_sampling_of_a_linear_score_is_exact_after_one_order():
    problem, _, products = make_linear_problem(6)
    torch.testing.assert_close(shapley_value_sampling(problem, level="token", orders=1).scores, products)


@pytest.mark.parametrize("few", [{"orders": 2}, {"orders": 9}])
@pytest.mark.parametrize("batch", [1, 7])
def test_sampled_values_sum_to_the_change_and_do_not_depend_on_the_batch(few, batch):
    problem = make_interacting_problem(seed=3)
    scores = shapley_value_sampling(change_problem(problem, size=batch), level="token", **few).scores
    change = interacting(problem.x) - interacting(problem.baseline)
    torch.testing.assert_close(scores.sum(1), change[0], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(scores, shapley_value_sampling(problem, level="token", **few).scores)


def test_kernel_shap_is_exact_when_samples_cover_every_coalition():
    problem = make_interacting_problem()
    scores = kernel_shap(problem, level="token", samples=30)
    assert problem.run.forward == 2**5
    assert scores.spread is None
    torch.testing.assert_close(scores.scores, compute_by_brute_force(problem), atol=1e-5, rtol=0)


def test_kernel_shap_warns_of_too_few_samples():
    problem, *_ = make_linear_problem(12)
    kernel_shap(problem, level="token", samples=10)
    (notice,) = problem.run.notices
    assert "10 samples" in notice
    assert "12 words" in notice


def test_a_single_group_gets_the_whole_change():
    problem, _, products = make_linear_problem(1)
    for method in (kernel_shap, shapley_value_sampling):
        torch.testing.assert_close(method(problem, level="token").scores, products)


@pytest.mark.parametrize("method", [kernel_shap, shapley_value_sampling])
def test_special_tokens_that_differ_from_the_baseline_get_a_shapley_value(method):
    problem, _, products = make_linear_problem(5)
    first, *others = problem.features
    scores = method(replace(problem, features=(replace(first, special=True, word=None), *others))).scores
    torch.testing.assert_close(scores, products, atol=1e-4, rtol=1e-4)


def test_kernel_shap_agrees_with_captums_exact_values_on_a_model():
    bundle = Bundle.of(*tiny("bert"))
    request = partial(Request, "text_classification", "tiny", {"text": "wonderful cast, slow"})
    explanation = explain(request("kernel_shap", params={"unit": "logit", "samples": 20_000}), bundle=bundle)
    words = [feature.word for feature in explanation.features]
    index = explanation.targets[0].index
    encoded = bundle.tokenizer("wonderful cast, slow", return_tensors="pt")
    blank = torch.tensor(
        [[t if w is None else 0 for t, w in zip(encoded["input_ids"][0].tolist(), words, strict=True)]]
    )
    number = max(word for word in words if word is not None) + 1
    mask = torch.tensor([[number if word is None else word for word in words]])
    captum = ShapleyValues(lambda ids: bundle.model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits)
    theirs = captum.attribute(encoded["input_ids"], baselines=blank, target=index, feature_mask=mask)[0]
    ours = explanation.by_word().scores[0]
    right = [float(theirs[words.index(word)]) for word in range(number)]
    np.testing.assert_allclose(ours[1:-1], right, atol=1e-4)
    assert np.abs(right).max() > 0.01


def test_lime_equals_captum_with_the_same_samples_kernel_and_ridge():
    problem = make_interacting_problem(seed=2)
    masks = iter(draw_masks(5, 60, problem.generator).float())

    def perturb(inputs, **_):
        return next(masks)[None]

    def weight(original, perturbed, interpretable, **_):
        return torch.exp(-((1 - interpretable.mean().sqrt()) ** 2) / (2 * KERNEL_WIDTH**2))

    def original_of(mask, inputs, **_):
        return torch.where(mask[0, :, None].bool(), problem.x, problem.baseline)

    captum = LimeBase(
        lambda points: interacting(points)[:, 0],
        SkLearnRidge(alpha=1.0),
        weight,
        perturb,
        perturb_interpretable_space=True,
        from_interp_rep_transform=original_of,
        to_interp_rep_transform=None,
    )
    theirs = captum.attribute(problem.x, n_samples=60)
    scores = lime(problem, level="token", samples=60).scores
    torch.testing.assert_close(scores[0], theirs.flatten().float(), atol=1e-5, rtol=1e-4)


def test_lime_of_a_linear_score_without_ridge_is_weight_times_change():
    problem, _, products = make_linear_problem(6)
    torch.testing.assert_close(lime(problem, level="token", samples=50, ridge=0).scores, products, atol=1e-4, rtol=1e-4)


BLACK_BOX = {
    "lime": partial(lime, samples=200, ridge=0.01),
    "kernel_shap": partial(kernel_shap, samples=200),
    "shapley_value_sampling": partial(shapley_value_sampling, orders=40),
    "occlusion": occlusion,
}


@pytest.mark.parametrize("method", BLACK_BOX.values(), ids=BLACK_BOX)
def test_scores_without_gradients_are_explained_too(method):
    weights = torch.tensor([3.0, -1.0, 0.5])

    @torch.no_grad()
    def score(points):
        return (points[:, :, 0] @ weights).round(decimals=3)[:, None]

    problem = make_problem(score, torch.ones(3, 1))
    torch.testing.assert_close(method(problem).scores[0], weights, atol=0.15, rtol=0)
    assert problem.run.backward == 0


@pytest.mark.parametrize("method", BLACK_BOX.values(), ids=BLACK_BOX)
def test_the_scores_of_a_square_sum_to_those_of_its_pixels(method):
    problem, _, products = make_linear_problem(3 * 4 * 6, 1)
    problem = change_problem(problem, features=Pixels("image", 3, 4, 6), grid=(4, 6))
    more = {"ridge": 0} if method is BLACK_BOX["lime"] else {}
    scores = method(problem, patch=2, **more).scores.reshape(2, 3, 2, 2, 3, 2)
    squares = products.reshape(2, 3, 2, 2, 3, 2).sum((1, 3, 5))
    torch.testing.assert_close(scores.sum((1, 3, 5)), squares, atol=1e-3, rtol=1e-3)
    assert float(scores.diff(dim=1).abs().max()) < 1e-6


@pytest.mark.parametrize("method", [name for name in BLACK_BOX if name != "occlusion"])
def test_the_standard_error_is_how_far_other_seeds_move_the_scores(method):
    def score(points):
        x = points.sum(-1)
        return torch.tanh(x[:, ::2].sum(1) * x[:, 1::2].sum(1) + x[:, 3])[:, None]

    x = torch.randn(9, 2, generator=torch.Generator().manual_seed(8))
    attributions = [BLACK_BOX[method](make_problem(score, x, seed=seed), level="token") for seed in range(40)]
    moved = torch.stack([one.scores for one in attributions]).std(0).square().mean().sqrt()
    told = torch.stack([one.spread for one in attributions]).square().mean().sqrt()
    assert 0.6 < float(told / moved) < 1.6
    assert float(moved) > 1e-3


def test_sentences_are_removed_as_a_whole():
    bundle = Bundle.of(*tiny("bert"))
    text = "It cost 3.5 euros. “Really?” he said… No! Fine"
    request = Request("text_classification", "tiny", {"text": text}, "occlusion", params={"level": "sentence"})
    explanation = explain(request, bundle=bundle)
    starts = {}
    for feature in explanation.features:
        if not feature.special:
            starts.setdefault(feature.sentence, feature.start)
    assert [text[a:b] for a, b in zip(starts.values(), [*list(starts.values())[1:], None], strict=True)] == [
        "It cost 3.5 euros. ", "“Really?” ", "he said… ", "No! ", "Fine",
    ]  # fmt: skip
    assert explanation.evaluations == (2 + 1 + 5, 0)
    chinese = explain(replace(request, inputs={"text": "我来了。你好。走"}), bundle=bundle)
    assert [feature.sentence for feature in chinese.features if not feature.special] == [0, 0, 0, 0, 1, 1, 1, 2]


def test_features_without_sentences_are_grouped_by_word():
    problem, *_ = make_linear_problem(3)
    assert group_features(problem, "sentence").tolist() == [0, 1, 2]


def test_exact_kernel_shap_evaluates_every_coalition():
    problem, *_ = make_linear_problem(7)
    kernel_shap(problem, level="token", samples=2**7)
    assert problem.run.forward == sum(comb(7, k) for k in range(8))


def test_samples_depend_on_the_seed_only():
    bundle = Bundle.of(*tiny("bert"))
    for method in ("lime", "kernel_shap", "shapley_value_sampling"):
        request = Request("text_classification", "tiny", {"text": SENTENCES[2]}, method, seed=4)
        one, other = (explain(request, bundle=bundle) for _ in range(2))
        np.testing.assert_array_equal(one.scores, other.scores)
        np.testing.assert_array_equal(one.spread, other.spread)
        assert one.spread.max() > 0
        assert np.abs(one.scores - explain(replace(request, seed=5), bundle=bundle).scores).max() > 1e-7


@pytest.mark.parametrize("run", [occlusion, kernel_shap, shapley_value_sampling])
def test_a_words_score_is_shared_by_its_visible_tokens(run):
    """The first of two targets is generated before the second token of the only word."""
    problem = make_problem(
        lambda points: torch.stack([points[:, 0, 0], points.sum((1, 2))], dim=1), torch.full((2, 1), 3.0)
    )
    features = tuple(replace(feature, word=0) for feature in problem.features)
    visible = torch.tensor([[True, False], [True, True]])
    scores = run(replace(problem, features=features, visible=visible)).scores
    torch.testing.assert_close(scores.masked_fill(~visible, 0), torch.tensor([[3.0, 0.0], [3.0, 3.0]]))
