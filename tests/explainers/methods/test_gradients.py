"""Closed forms: what the methods must give where the right answer is known on paper."""

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from explainers.errors import LimitReached, Overdue
from explainers.methods.gradients import input_x_gradient, saliency
from explainers.methods.integrated_gradients import integrated_gradients
from explainers.methods.smooth_grad import smooth_grad
from explainers.problem import StraightPath
from explainers.progress import Run
from tests.support.problems import change_problem, make_linear_problem, make_problem


def relu_network(points: Tensor) -> Tensor:
    """ReLU(x1 - 1 - ReLU(x2)), the network of figure 7 in Sundararajan et al. 2017."""
    x1, x2 = points[:, 0, 0], points[:, 1, 0]
    return torch.relu(x1 - 1 - torch.relu(x2))[:, None]


def test_integrated_gradients_of_the_papers_relu_network_are_one_and_a_half_and_minus_a_half():
    found = integrated_gradients(make_problem(relu_network, torch.tensor([[3.0], [1.0]])), tolerance=0.001)
    assert_close(found.scores, torch.tensor([[1.5, -0.5]]), atol=0.002, rtol=0)
    assert found.converged == (True,)


def test_integrated_gradients_see_what_a_saturated_gradient_does_not():
    saturated = make_problem(lambda points: 1 - torch.relu(1 - points[:, :, 0]), torch.tensor([[2.0]]))
    assert float(saliency(saturated).scores[0, 0]) == 0
    assert_close(integrated_gradients(saturated, tolerance=0.001).scores, torch.tensor([[1.0]]), atol=0.001, rtol=0)


def test_integrated_gradients_that_add_up_are_refined_until_they_are_shared_out_rightly_too():
    """What one feature gains the other loses, so their sum is right at any step; each alone is steep in one place."""

    def steep(points: Tensor) -> Tensor:
        first, second = points[:, 0, 0], points[:, 1, 0]
        return (first + torch.sigmoid(40 * (first - 0.3)) - torch.sigmoid(40 * (second - 0.3)))[:, None]

    found = integrated_gradients(make_problem(steep, torch.ones(2, 1)), tolerance=0.001)
    rise = float(torch.sigmoid(torch.tensor(28.0)) - torch.sigmoid(torch.tensor(-12.0)))
    assert_close(found.scores, torch.tensor([[1 + rise, -rise]]), atol=0.001, rtol=0)
    assert found.converged == (True,)


def test_integrated_gradients_of_a_linear_score_are_weight_times_change_for_every_target():
    found, _, products = make_linear_problem()
    assert_close(integrated_gradients(found).scores, products, atol=1e-5, rtol=1e-5)


def test_integrated_gradients_of_a_cubic_are_exact_from_the_first_round():
    x = torch.tensor([[1.0, -2.0], [0.5, 3.0]])
    cubic = make_problem(lambda points: (points**3).sum((1, 2))[:, None], x)
    assert_close(integrated_gradients(cubic).scores, (x**3).sum(-1)[None], atol=1e-4, rtol=1e-5)
    assert cubic.run.backward <= 9


def test_all_targets_share_their_forward_passes():
    found, *_ = make_linear_problem(targets=4)
    integrated_gradients(found)
    assert found.run.backward == 4 * found.run.forward


def test_a_point_is_visited_once_though_targets_need_it_in_another_order():
    visited: list[float] = []

    def score(points: Tensor) -> Tensor:
        x = points[:, 0, 0]
        visited.extend(x.detach().tolist())
        early, late = torch.sigmoid(40 * (x - 0.2)), torch.sigmoid(40 * (x - 0.8))
        return torch.stack([early + 0.6 * late, 0.6 * early + late], dim=1)

    both = make_problem(score, torch.tensor([[1.0]]))
    visited.clear()
    assert integrated_gradients(both, tolerance=0.005).converged == (True, True)
    assert len(visited) == len(set(visited))


def test_a_step_that_no_rule_resolves_is_said_not_to_converge():
    step = make_problem(lambda points: torch.sigmoid(1e5 * (points[:, :, 0] - 0.3337)), torch.tensor([[1.0]]))
    found = integrated_gradients(step, most_passes=20)
    assert found.converged == (False,)
    assert step.run.forward <= 40


def test_scores_of_a_flat_function_are_zero_and_converged():
    flat = make_problem(lambda points: 0 * points.sum((1, 2))[:, None] + 0.5, torch.ones(3, 2))
    found = integrated_gradients(flat)
    assert found.scores.tolist() == [[0, 0, 0]]
    assert found.converged == (True,)


def test_a_target_that_moves_little_does_not_hide_behind_one_that_moves_much():
    def score(points: Tensor) -> Tensor:
        x = points[:, 0, 0]
        return torch.stack([100 * x, 0.01 * torch.sigmoid(40 * (x - 0.6))], dim=1)

    both = make_problem(score, torch.tensor([[1.0]]))
    found = integrated_gradients(both, tolerance=0.002)
    change = score(both.x) - score(both.baseline)
    assert_close(found.scores, change.T, rtol=0.002, atol=0)


def test_saliency_of_a_linear_score_is_its_weights():
    found, weights, _ = make_linear_problem()
    assert_close(saliency(found, norm="signed").scores, weights.sum(-1))
    assert_close(saliency(found).scores, weights.norm(dim=-1))
    assert (saliency(found).signed, saliency(found, norm="signed").signed) == (False, True)


def test_a_signed_gradient_that_a_layer_norm_takes_away_is_said_to_be_rounding():
    weights = torch.randn(3, 8, generator=torch.Generator().manual_seed(2))

    def normed(points: Tensor) -> Tensor:
        return (torch.nn.functional.layer_norm(points, (8,)) * weights).sum((1, 2)).tanh()[:, None]

    for method in (saliency, smooth_grad):
        found = make_problem(normed, torch.randn(3, 8, generator=torch.Generator().manual_seed(1)))
        assert method(found).scores.min() > 1e-3
        assert found.run.notices == []
        assert method(found, norm="signed").scores.abs().max() < 1e-5
        assert "nothing but rounding" in found.run.notices[0]


def test_input_x_gradient_of_a_linear_score_is_weight_times_input():
    found, weights, _ = make_linear_problem()
    assert_close(input_x_gradient(found).scores, (weights * found.x).sum(-1))


def curved() -> Tensor:
    return make_problem(
        lambda points: (points**2).sum((1, 2))[:, None], torch.tensor([[1.0, 2.0], [-3.0, 0.5]]), seed=5
    )


@pytest.mark.parametrize("norm", ["signed", "L2"])
def test_smooth_grad_without_noise_is_saliency(norm):
    smooth = smooth_grad(curved(), samples=7, noise=0.0, norm=norm)
    assert_close(smooth.scores, saliency(curved(), norm=norm).scores, atol=1e-6, rtol=1e-6)


def test_smooth_grad_is_the_same_for_the_same_seed_whatever_the_batch():
    one, other = curved(), change_problem(curved(), size=2)
    assert_close(smooth_grad(one, noise=0.3).scores, smooth_grad(other, noise=0.3).scores, atol=1e-5, rtol=1e-5)
    other = change_problem(other, seed=6)
    assert not torch.allclose(smooth_grad(one, noise=0.3).scores, smooth_grad(other, noise=0.3).scores, atol=1e-3)


def test_smooth_grad_leaves_the_global_generator_alone():
    before = torch.get_rng_state()
    smooth_grad(curved(), noise=0.3)
    assert torch.equal(before, torch.get_rng_state())


def test_a_path_is_the_straight_line_from_its_start_to_its_end():
    start, end = torch.zeros(1, 2, 1), torch.ones(1, 2, 1)
    path = StraightPath(start, end, torch.tensor([0.0, 0.25, 1.0]))
    assert len(path) == 3
    assert path[1:3].flatten().tolist() == [0.25, 0.25, 1, 1]


def test_a_run_beyond_its_passes_or_its_time_stops_with_a_word_about_it():
    found, *_ = make_linear_problem()
    found = change_problem(found, run=Run(most_passes=5))
    with pytest.raises(LimitReached, match="at most 5 are allowed"):
        smooth_grad(found, samples=30)
    found = change_problem(found, run=Run(deadline=0.0))
    with pytest.raises(Overdue, match="time"):
        saliency(found)


def test_a_progress_that_raises_stops_the_run_within_one_batch():
    class Left(BaseException):
        pass

    def leave(what: str, share: float) -> None:
        raise Left

    found, *_ = make_linear_problem()
    found = change_problem(found, run=Run(progress=leave), size=3)
    with pytest.raises(Left):
        smooth_grad(found, samples=30)
    assert found.run.forward == 3
