"""The three saliency methods of AllenNLP Interpret, so that whoever knows its numbers finds them here.

All read the gradient of the loss, -log p of the label, throw signs away and divide by the sum. Knows no task.
"""

from typing import Annotated

import torch
from torch import Tensor

from ..errors import BadRequest
from ..problem import Attribution, NoisyCopies, Points, Problem, StraightPath
from ..registry import Range, method
from .options import warn_if_cancelled
from .standard_error import estimate_with_error

PAPER = "Wallace et al. 2019, arXiv:1909.09251"


@method("Simple gradient (AllenNLP)", paper=PAPER, needs=("gradients",))
def allennlp_gradient(problem: Problem) -> Attribution:
    """Gradient of the loss times embedding, without its sign, as a share of the sum. (T, F), from 0 to 1."""
    return Attribution(_normalize(_compute_loss_products(problem, problem.x, problem.x)), signed=False)


@method("Integrated gradient (AllenNLP)", paper=PAPER, needs=("gradients",))
def allennlp_integrated_gradient(
    problem: Problem,
    *,
    steps: Annotated[int, Range(1, 1_000), "Points on the way from zero to the text, which itself is not one."] = 10,
) -> Attribution:
    """Embedding times the loss's mean gradient on the way from zero, without its sign, as a share of the sum.

    (T, F), from 0 to 1. The way starts at zero for every token, whatever the baseline is set to.
    """
    path = StraightPath(torch.zeros_like(problem.x), problem.x, torch.arange(steps) / steps)
    return Attribution(_normalize(_compute_loss_products(problem, path, problem.x)), signed=False)


@method("Smooth gradient (AllenNLP)", paper=PAPER, needs=("gradients",))
def allennlp_smooth_gradient(
    problem: Problem,
    *,
    samples: Annotated[int, Range(1, 500), "How many noisy copies to average over."] = 10,
    noise: Annotated[
        float, Range(0, 1), "Standard deviation of the noise, as a share of the embeddings' range."
    ] = 0.01,
) -> Attribution:
    """The loss's mean gradient over noisy copies, seeded, without its sign, as a share of the sum. (T, F), 0 to 1."""
    copies = NoisyCopies(problem.x, noise * float(problem.x.max() - problem.x.min()), samples, problem.seed)
    scores, spread = estimate_with_error(
        _normalize, _compute_loss_products(problem, copies, torch.ones_like(problem.x))
    )
    return Attribution(scores, signed=False, spread=spread)


def _compute_loss_products(problem: Problem, points: Points, factor: Tensor) -> Tensor:
    """The gradient of -log p at each point times a factor (1, F, D), summed over D: (N, T, F)."""
    if problem.unit != "probability":
        raise BadRequest(
            f"AllenNLP explains the loss, which is made of a probability, not {problem.unit.replace('_', ' ')}. "
            "Set Unit to probability, and compare with no other label."
        )
    values, found = problem.gradients(points, lambda gradient: _sum_with_length(gradient * factor))  # (N, T, F, 2)
    warn_if_cancelled(problem.run, found[..., 0], found[..., 1])
    return -found[..., 0] / values.clamp(min=torch.finfo(values.dtype).tiny)[..., None]


def _sum_with_length(products: Tensor) -> Tensor:
    return torch.stack([products.sum(-1), products.norm(dim=-1)], dim=-1)


def _normalize(products: Tensor) -> Tensor:
    """The size of the mean over points (N, T, F), as shares of the sum over features, (T, F)."""
    sizes = products.mean(0).abs()
    return sizes / sizes.sum(-1, keepdim=True).clamp(min=torch.finfo(sizes.dtype).tiny)
