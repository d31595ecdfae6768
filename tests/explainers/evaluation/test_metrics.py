"""Faithfulness of scores with known answers: curves, metrics and the comparison with random rankings."""

import math
from itertools import combinations

import captum.metrics
import numpy as np
import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from explainers import METRICS, Explanation, Feature, Prediction, Request
from explainers.errors import BadRequest, Mismatch
from explainers.evaluation.evaluate import check_faithfulness
from explainers.evaluation.infidelity import draw_masks
from explainers.evaluation.leave_one_out import correlate_ranks
from explainers.evaluation.perturbation import PerturbationTest, count_removed, make_test
from explainers.methods.gradients import input_x_gradient
from explainers.problem import Problem
from explainers.registry import metric
from explainers.results.faithfulness import Faithfulness
from tests.support.problems import make_linear_problem, make_problem


def make_explanation(problem: Problem, scores: Tensor, signed: bool = True) -> Explanation:
    """Make an explanation of the first target with given scores (F,)."""
    return Explanation(
        request=Request("text_classification", "tiny", {"text": "a"}),
        features=problem.features,
        targets=problem.targets[:1],
        scores=scores[None].float().numpy(),
        values=problem.deployed[:1].numpy(),
        baselines=None,
        unit="score",
        signed=signed,
        additive=False,
        prediction=Prediction(problem.targets),
    )


def check(problem: Problem, scores: Tensor, signed: bool = True, rankings: int = 30) -> Faithfulness:
    return check_faithfulness(problem, make_explanation(problem, scores, signed), 0, rankings)


def make_crossed_problem(features: int = 7) -> Problem:
    """Make a score with products of features, for which no ranking is best at every fraction."""
    weights = torch.randn(features, features, generator=torch.Generator().manual_seed(5))

    def score(points: Tensor) -> Tensor:
        return torch.einsum("bf,fg,bg->b", points[:, :, 0], weights, points[:, :, 0]).tanh()[:, None]

    return make_problem(score, torch.randn(features, 1, generator=torch.Generator().manual_seed(6)))


def test_the_curves_of_a_linear_score_are_the_sums_of_its_largest_products():
    problem, _, products = make_linear_problem(features=5, targets=1)
    faithfulness = check(problem, products[0])
    ordered = products[0].sort(descending=True).values.double()
    assert_close(torch.tensor(faithfulness.comprehensiveness), ordered.cumsum(0), atol=1e-5, rtol=0)
    assert_close(torch.tensor(faithfulness.sufficiency), ordered.sum() - ordered.cumsum(0), atol=1e-5, rtol=0)
    assert_close(faithfulness.aopc, float(ordered.cumsum(0).mean()), atol=1e-5, rtol=0)
    assert faithfulness.fractions.tolist() == [0.2, 0.4, 0.6, 0.8, 1.0]
    assert_close(faithfulness.blank, float(problem.score(problem.baseline)[0, 0]), atol=1e-5, rtol=0)


def test_over_all_orders_a_linear_score_falls_in_proportion_to_the_removed_fraction():
    problem, _, products = make_linear_problem(features=5, targets=1)
    faithfulness = check(problem, products[0])
    assert (faithfulness.every_order, faithfulness.rankings) == (True, math.factorial(5))
    total = float(products.sum())
    assert np.allclose(faithfulness.random.comprehensiveness.mean(0), total * faithfulness.fractions, atol=1e-5)
    assert np.allclose(faithfulness.random.sufficiency.mean(0), total * (1 - faithfulness.fractions), atol=1e-5)


@pytest.mark.parametrize("signed", [True, False])
def test_curves_equal_those_of_a_loop_that_removes_one_word_at_a_time(signed):
    problem = make_crossed_problem()
    scores = torch.tensor([0.3, -0.9, 0.5, 0.1, -0.2, 0.8, 0.05]).abs() if not signed else torch.arange(7.0) - 3
    faithfulness = check(problem, scores, signed)
    x, order = problem.x.clone(), scores.argsort(descending=True)
    kept, falls, keeps = problem.baseline.clone(), [], []
    for place in order:
        x[0, place], kept[0, place] = problem.baseline[0, place], problem.x[0, place]
        falls.append(float(problem.deployed[0] - problem.score(x)[0, 0]))
        keeps.append(float(problem.deployed[0] - problem.score(kept)[0, 0]))
    assert np.allclose(faithfulness.comprehensiveness, falls, atol=1e-6)
    assert np.allclose(faithfulness.sufficiency, keeps, atol=1e-6)


def test_long_texts_lose_a_tenth_at_a_time_and_short_ones_a_word_at_a_time():
    assert count_removed(40).tolist() == [4, 8, 12, 16, 20, 24, 28, 32, 36, 40]
    assert count_removed(17).tolist() == [2, 4, 6, 7, 9, 11, 12, 14, 16, 17]
    assert count_removed(3).tolist() == [1, 2, 3]
    assert count_removed(1).tolist() == [1]


@pytest.mark.parametrize("features", [4, 5, 6, 12, 30])
def test_the_true_ranking_of_a_linear_score_beats_chance_and_its_reverse_is_worse_than_chance(features):
    problem, _, products = make_linear_problem(features=features, targets=1)
    assert check(problem, products[0]).verdict == "beats chance"
    assert check(problem, -products[0]).verdict == "worse than chance"


def test_random_scores_rarely_differ_from_chance():
    problem, *_ = make_linear_problem(features=12, targets=1)
    maps = torch.randn(60, 12, generator=torch.Generator().manual_seed(1))
    told = [check(problem, scores).verdict for scores in maps]
    assert set(told) <= {"beats chance", "cannot be told from chance", "worse than chance"}
    assert sum(verdict != "cannot be told from chance" for verdict in told) <= 9  # 2 of 31 by chance: 3.9 expected


@pytest.mark.parametrize("features", [1, 2, 3])
def test_texts_of_three_words_or_fewer_are_too_short_to_tell(features):
    problem, _, products = make_linear_problem(features=features, targets=1)
    assert check(problem, products[0]).verdict == "too short to tell"
    assert check(problem, -products[0]).verdict == "too short to tell"


def test_a_constant_score_cannot_be_told_from_chance():
    flat = make_problem(lambda points: 0 * points.sum((1, 2))[:, None] + 0.5, torch.ones(9, 2))
    faithfulness = check(flat, torch.arange(9.0))
    assert faithfulness.verdict == "cannot be told from chance"
    assert math.isnan(faithfulness.measure("infidelity").value)
    assert math.isnan(faithfulness.tau_loo)
    assert {measure.verdict for measure in faithfulness.measures} == {"cannot be told from chance"}


def test_equal_scores_are_ordered_by_the_seed_and_not_by_position():
    def order(seed: int) -> list[int]:
        problem = make_problem(lambda points: points.sum((1, 2))[:, None], torch.ones(40, 1), seed=seed)
        return make_test(problem, torch.ones(40), torch.arange(40), 0, True).order.tolist()

    assert order(1) == order(1) != order(2)
    assert sorted(order(1)) == list(range(40)) != order(1)


def test_equal_scores_cannot_be_told_from_chance_even_if_the_first_word_decides():
    first = make_problem(lambda points: points[:, 0], torch.ones(30, 1))
    assert check(first, torch.zeros(30)).verdict == "cannot be told from chance"


def test_words_are_removed_whole_and_special_or_invisible_tokens_never():
    seen: list[Tensor] = []

    def score(points: Tensor) -> Tensor:
        seen.append(points[:, :, 0] != 0)
        return points.sum((1, 2))[:, None]

    features = (
        Feature("[CLS]", "text", special=True),
        Feature("won", "text", 0, 3, 0),
        Feature("der", "text", 3, 6, 0),
        Feature("and", "text", 7, 10, 1),
        Feature("more", "other", 0, 4, 0),
        Feature("later", "text", 11, 16, 2),
    )
    problem = make_problem(score, torch.ones(6, 1), features=features)
    faithfulness = check(problem, torch.tensor([9.0, 1.0, 2.0, 2.5, -1.0, math.nan]))
    masks = torch.cat(seen)
    assert faithfulness.pieces == 3
    assert masks[:, 0].all()
    assert masks[:, 5].all()
    assert torch.equal(masks[:, 1], masks[:, 2])
    assert faithfulness.comprehensiveness.tolist() == [2, 3, 4]  # "wonder" 3, then "and" 2.5, then "more" −1
    assert len(masks.unique(dim=0)) == 8


def test_a_target_without_visible_words_is_refused():
    problem, *_ = make_linear_problem(targets=1)
    with pytest.raises(BadRequest, match="nothing to remove"):
        check(problem, torch.full((5,), math.nan))


def test_each_set_of_words_is_evaluated_once_and_without_gradients():
    problem, _, products = make_linear_problem(features=5, targets=1)
    check(problem, products[0])
    assert (problem.run.forward, problem.run.backward) == (2**5, 0)


def count_pairs(one: Tensor, other: Tensor) -> float:
    """Compute Kendall's tau-b pair by pair."""
    same = untied = untied_other = 0
    for i, j in combinations(range(len(one)), 2):
        first, second = float((one[i] - one[j]).sign()), float((other[i] - other[j]).sign())
        same += first * second
        untied += first != 0
        untied_other += second != 0
    return same / math.sqrt(untied * untied_other)


def test_kendalls_tau_equals_counting_pairs():
    generator = torch.Generator().manual_seed(2)
    for values in (3, 1000):  # with ties, and with hardly any
        one, other = torch.randint(0, values, (2, 12), generator=generator).double()
        assert correlate_ranks(one, other) == pytest.approx(count_pairs(one, other))
    assert correlate_ranks(one, one) == pytest.approx(1)
    assert correlate_ranks(one, -one) == pytest.approx(-1)
    assert math.isnan(correlate_ranks(one, torch.ones(12)))


def test_leave_one_out_tau_of_a_linear_scores_products_is_1():
    problem, _, products = make_linear_problem(features=9, targets=1)
    assert check(problem, products[0]).tau_loo == pytest.approx(1)
    assert check(problem, -products[0]).tau_loo == pytest.approx(-1)
    assert check(problem, products[0].abs(), signed=False).tau_loo == pytest.approx(1)


def test_infidelity_of_input_x_gradient_of_a_linear_score_is_0_at_any_scale_and_1_reversed():
    weights = torch.randn(8, 3, generator=torch.Generator().manual_seed(8))
    x = torch.randn(8, 3, generator=torch.Generator().manual_seed(9))
    problem = make_problem(lambda points: torch.einsum("bfd,fd->b", points, weights)[:, None], x)
    gradient = input_x_gradient(problem).scores[0].detach()
    assert check(problem, gradient).measure("infidelity").value == pytest.approx(0, abs=1e-9)
    assert check(problem, 40 * gradient).measure("infidelity").value == pytest.approx(0, abs=1e-9)
    assert check(problem, -gradient).measure("infidelity").value == pytest.approx(1)
    assert check(problem, torch.zeros(8)).measure("infidelity").value == 1


def test_infidelity_equals_captums_over_the_mean_squared_fall():
    problem = make_crossed_problem()
    scores = input_x_gradient(problem).scores[0].detach()
    own = make_test(problem, scores, torch.arange(7), 0, True)
    taken = draw_masks(own)  # (N, F)
    falls = own.measure_falls(~taken)

    def perturb(x: Tensor) -> tuple[Tensor, Tensor]:
        change = (taken[:, :, None] * (problem.x - problem.baseline)).float()  # (N, F, 1)
        return change, x - change

    slopes = scores[:, None] / (problem.x - problem.baseline)[0]  # times the change: the scores of what is taken away
    theirs = captum.metrics.infidelity(
        lambda points: problem.score(points)[:, 0],
        perturb,
        problem.x,
        slopes[None],
        n_perturb_samples=len(taken),
        max_examples_per_batch=len(taken),
        normalize=True,
    )
    assert METRICS["infidelity"].run(own) * float(falls.square().mean()) == pytest.approx(float(theirs), rel=1e-4)


def test_a_metric_is_one_function_and_is_compared_with_random_rankings():
    @metric("Lead", paper="none", better="high")
    def lead(test: PerturbationTest) -> float:
        """Measure the fall without the top word. In the unit of F."""
        return float(test.measure_falls(test.masks_without_top)[0])

    try:
        problem, _, products = make_linear_problem(features=5, targets=1)
        measure = check(problem, products[0]).measure("lead")
    finally:
        del METRICS["lead"]
    assert measure.summary == "Measure the fall without the top word."
    assert measure.value == pytest.approx(float(products.max()), abs=1e-5)
    assert measure.random == pytest.approx(float(products.mean()), abs=1e-5)
    assert measure.as_good == pytest.approx(1 / 5)  # of all orders, those that begin with the largest


def test_an_explanation_of_another_input_is_refused():
    problem, _, products = make_linear_problem(features=5, targets=1)
    with pytest.raises(BadRequest, match="There is no target 1"):
        check_faithfulness(problem, make_explanation(problem, products[0]), 1, 30)
    with pytest.raises(BadRequest, match="as explain returned it"):
        check_faithfulness(make_linear_problem(features=6, targets=1)[0], make_explanation(problem, products[0]), 0, 30)
    other = make_problem(lambda points: points.sum((1, 2))[:, None] + 1, problem.x[0])
    with pytest.raises(Mismatch, match="Explain it again"):
        check_faithfulness(other, make_explanation(problem, products[0]), 0, 30)
