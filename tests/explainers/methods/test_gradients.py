"""Gradient methods against closed forms."""

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from explainers.errors import Incompatible, LimitReached, Overdue
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
    attribution = integrated_gradients(make_problem(relu_network, torch.tensor([[3.0], [1.0]])), tolerance=0.001)
    assert_close(attribution.scores, torch.tensor([[1.5, -0.5]]), atol=0.002, rtol=0)
    assert attribution.converged == (True,)


def test_integrated_gradients_are_not_zero_where_the_gradient_saturates():
    saturated = make_problem(lambda points: 1 - torch.relu(1 - points[:, :, 0]), torch.tensor([[2.0]]))
    assert float(saliency(saturated).scores[0, 0]) == 0
    assert_close(integrated_gradients(saturated, tolerance=0.001).scores, torch.tensor([[1.0]]), atol=0.001, rtol=0)


def test_integrated_gradients_are_refined_until_each_score_is_right_and_not_only_their_sum():
    """Errors of the two steep features cancel in the sum, so that it is right from the first step."""

    def steep(points: Tensor) -> Tensor:
        first, second = points[:, 0, 0], points[:, 1, 0]
        return (first + torch.sigmoid(40 * (first - 0.3)) - torch.sigmoid(40 * (second - 0.3)))[:, None]

    attribution = integrated_gradients(make_problem(steep, torch.ones(2, 1)), tolerance=0.001)
    rise = float(torch.sigmoid(torch.tensor(28.0)) - torch.sigmoid(torch.tensor(-12.0)))
    assert_close(attribution.scores, torch.tensor([[1 + rise, -rise]]), atol=0.001, rtol=0)
    assert attribution.converged == (True,)


def test_integrated_gradients_of_a_linear_score_are_weight_times_change_for_every_target():
    problem, _, products = make_linear_problem()
    assert_close(integrated_gradients(problem).scores, products, atol=1e-5, rtol=1e-5)


def test_integrated_gradients_of_a_cubic_are_exact_from_the_first_round():
    x = torch.tensor([[1.0, -2.0], [0.5, 3.0]])
    cubic = make_problem(lambda points: (points**3).sum((1, 2))[:, None], x)
    assert_close(integrated_gradients(cubic).scores, (x**3).sum(-1)[None], atol=1e-4, rtol=1e-5)
    assert cubic.run.backward <= 9


def test_all_targets_share_their_forward_passes():
    problem, *_ = make_linear_problem(targets=4)
    integrated_gradients(problem)
    assert problem.run.backward == 4 * problem.run.forward


def test_each_point_is_evaluated_once_for_all_targets():
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


def test_a_step_function_is_reported_as_not_converged():
    step = make_problem(lambda points: torch.sigmoid(1e5 * (points[:, :, 0] - 0.3337)), torch.tensor([[1.0]]))
    attribution = integrated_gradients(step, most_passes=20)
    assert attribution.converged == (False,)
    assert step.run.forward <= 40


class OnlyForward(torch.autograd.Function):
    """A function that cannot be differentiated, as Reformer's layers cannot outside of training."""

    @staticmethod
    def forward(_, points):
        return points.sum((1, 2))[:, None]

    @staticmethod
    def backward(_, gradient):
        raise AssertionError("use model.train()")


def test_a_backward_pass_that_fails_is_an_error_that_quotes_the_model():
    problem = make_problem(OnlyForward.apply, torch.ones(2, 3))
    with pytest.raises(
        Incompatible, match=r"own backward pass, with AssertionError \(use model\.train\(\)\)\. Choose a"
    ):
        saliency(problem)


def test_an_interval_in_which_the_score_jumps_is_not_halved_without_end():
    """A mixture of experts jumps where another expert takes over; the numbers between two neighbours run out."""
    jump = make_problem(
        lambda points: points[:, :, 0].sign() + points[:, :, 0], torch.tensor([[2.0]]), torch.tensor([[-1.0]])
    )
    attribution = integrated_gradients(jump, most_passes=5_000)
    assert attribution.converged == (False,)
    assert jump.run.backward < 150


def test_scores_of_a_flat_function_are_zero_and_converged():
    flat = make_problem(lambda points: 0 * points.sum((1, 2))[:, None] + 0.5, torch.ones(3, 2))
    attribution = integrated_gradients(flat)
    assert attribution.scores.tolist() == [[0, 0, 0]]
    assert attribution.converged == (True,)


def test_the_tolerance_holds_for_each_target_separately():
    def score(points: Tensor) -> Tensor:
        x = points[:, 0, 0]
        return torch.stack([100 * x, 0.01 * torch.sigmoid(40 * (x - 0.6))], dim=1)

    both = make_problem(score, torch.tensor([[1.0]]))
    attribution = integrated_gradients(both, tolerance=0.002)
    change = score(both.x) - score(both.baseline)
    assert_close(attribution.scores, change.T, rtol=0.002, atol=0)


def test_saliency_of_a_linear_score_is_its_weights():
    problem, weights, _ = make_linear_problem()
    assert_close(saliency(problem, norm="signed").scores, weights.sum(-1))
    assert_close(saliency(problem).scores, weights.norm(dim=-1))
    assert (saliency(problem).signed, saliency(problem, norm="signed").signed) == (False, True)


def test_signed_gradients_cancelled_by_a_layer_norm_give_a_notice():
    weights = torch.randn(3, 8, generator=torch.Generator().manual_seed(2))

    def normed(points: Tensor) -> Tensor:
        return (torch.nn.functional.layer_norm(points, (8,)) * weights).sum((1, 2)).tanh()[:, None]

    for method in (saliency, smooth_grad):
        problem = make_problem(normed, torch.randn(3, 8, generator=torch.Generator().manual_seed(1)))
        assert method(problem).scores.min() > 1e-3
        assert problem.run.notices == []
        assert method(problem, norm="signed").scores.abs().max() < 1e-5
        assert "nothing but rounding" in problem.run.notices[0]


def test_input_x_gradient_of_embeddings_that_are_normed_at_once_is_next_to_zero_and_has_a_notice():
    weights = torch.randn(3, 8, generator=torch.Generator().manual_seed(2))

    def normed(points: Tensor) -> Tensor:
        return (torch.nn.functional.layer_norm(points, (8,)) * weights).sum((1, 2)).tanh()[:, None]

    inputs = torch.randn(3, 8, generator=torch.Generator().manual_seed(1))
    inputs -= inputs.mean(-1, keepdim=True)
    problem = make_problem(normed, inputs)
    assert input_x_gradient(problem).scores.abs().max() < 1e-4 * saliency(problem).scores.max()
    assert "their order says nothing" in problem.run.notices[0]


def test_input_x_gradient_of_a_linear_score_is_weight_times_input():
    problem, weights, _ = make_linear_problem()
    assert_close(input_x_gradient(problem).scores, (weights * problem.x).sum(-1))


def make_curved_problem() -> Tensor:
    return make_problem(
        lambda points: (points**2).sum((1, 2))[:, None], torch.tensor([[1.0, 2.0], [-3.0, 0.5]]), seed=5
    )


@pytest.mark.parametrize("norm", ["signed", "L2"])
def test_smooth_grad_without_noise_is_saliency(norm):
    smooth = smooth_grad(make_curved_problem(), samples=7, noise=0.0, norm=norm)
    assert_close(smooth.scores, saliency(make_curved_problem(), norm=norm).scores, atol=1e-6, rtol=1e-6)


def test_smooth_grad_depends_on_the_seed_but_not_on_the_batch_size():
    one, other = make_curved_problem(), change_problem(make_curved_problem(), size=2)
    assert_close(smooth_grad(one, noise=0.3).scores, smooth_grad(other, noise=0.3).scores, atol=1e-5, rtol=1e-5)
    other = change_problem(other, seed=6)
    assert not torch.allclose(smooth_grad(one, noise=0.3).scores, smooth_grad(other, noise=0.3).scores, atol=1e-3)


def test_smooth_grad_leaves_the_global_generator_alone():
    before = torch.get_rng_state()
    smooth_grad(make_curved_problem(), noise=0.3)
    assert torch.equal(before, torch.get_rng_state())


def test_a_straight_path_interpolates_between_its_ends():
    start, end = torch.zeros(1, 2, 1), torch.ones(1, 2, 1)
    path = StraightPath(start, end, torch.tensor([0.0, 0.25, 1.0]))
    assert len(path) == 3
    assert path[1:3].flatten().tolist() == [0.25, 0.25, 1, 1]


def test_a_run_stops_at_its_limit_of_passes_or_time():
    problem, *_ = make_linear_problem()
    problem = change_problem(problem, run=Run(most_passes=5))
    with pytest.raises(LimitReached, match="at most 5 are allowed"):
        smooth_grad(problem, samples=30)
    problem = change_problem(problem, run=Run(deadline=0.0))
    with pytest.raises(Overdue, match="time"):
        saliency(problem)


def test_a_progress_that_raises_stops_the_run_within_one_batch():
    class Left(BaseException):
        pass

    def leave(what: str, share: float) -> None:
        raise Left

    problem, *_ = make_linear_problem()
    problem = change_problem(problem, run=Run(progress=leave), size=3)
    with pytest.raises(Left):
        smooth_grad(problem, samples=30)
    assert problem.run.forward == 3
