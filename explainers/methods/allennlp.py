"""The three saliency methods of AllenNLP Interpret, with the same numbers.

All use the gradient of the loss -log p of the label, take absolute values and divide by their sum.
"""

from typing import Annotated

import torch
from torch import Tensor

from ..errors import BadRequest
from ..problem import Attribution, NoisyCopies, Points, Problem, StraightPath
from ..registry import Range, method
from .options import NO_PRODUCT, NO_SUM, sum_with_length, warn_if_cancelled
from .standard_error import estimate_with_error

PAPER = "Wallace et al. 2019, arXiv:1909.09251"


@method("Simple gradient (AllenNLP)", paper=PAPER, needs=("gradients",))
def allennlp_gradient(problem: Problem) -> Attribution:
    """Show how sensitive the answer is to each token, as shares that add up to 1, in the way of AllenNLP Interpret.

    |gradient of the loss × embedding|, summed over the embedding width before the absolute value and divided by the
    sum over tokens: (T, F), from 0 to 1.
    """
    return Attribution(_normalize(_compute_loss_products(problem, problem.x, problem.x)), signed=False)


@method("Integrated gradient (AllenNLP)", paper=PAPER, needs=("gradients",))
def allennlp_integrated_gradient(
    problem: Problem,
    *,
    steps: Annotated[int, Range(1, 1_000), "Points between the zero embedding and the text, without the text."] = 10,
) -> Attribution:
    """Change the text in steps from nothing to itself and show each token's share, in the way of AllenNLP Interpret.

    |embedding × mean gradient of the loss on the path from zero|, divided by the sum over tokens: (T, F), from 0 to 1.
    The path starts at the zero embedding, whatever the baseline is set to.
    """
    path = StraightPath(torch.zeros_like(problem.x), problem.x, torch.arange(steps) / steps)
    return Attribution(_normalize(_compute_loss_products(problem, path, problem.x)), signed=False)


@method("Smooth gradient (AllenNLP)", paper=PAPER, needs=("gradients",))
def allennlp_smooth_gradient(
    problem: Problem,
    *,
    samples: Annotated[int, Range(1, 500), "Number of noisy copies."] = 10,
    noise: Annotated[
        float, Range(0, 1), "Standard deviation of the noise, as a fraction of the range of the embeddings."
    ] = 0.01,
) -> Attribution:
    """Average the sensitivity to each token over slightly noisy copies of the text, in the way of AllenNLP Interpret.

    |mean gradient of the loss over noisy copies|, summed over the embedding width before the absolute value and
    divided by the sum over tokens: (T, F), from 0 to 1.
    """
    copies = NoisyCopies(problem.x, noise * float(problem.x.max() - problem.x.min()), samples, problem.seed)
    products = _compute_loss_products(problem, copies, torch.ones_like(problem.x))  # (N, T, F)
    scores, spread = estimate_with_error(_normalize, products)
    return Attribution(scores, signed=False, spread=spread)


def _compute_loss_products(problem: Problem, points: Points, factor: Tensor) -> Tensor:
    """Compute the gradient of -log p at N points times a factor (1, F, D), summed over D: (N, T, F)."""
    if problem.unit != "probability":
        raise BadRequest(
            f"AllenNLP explains the loss, which is computed from a probability, not {problem.unit.replace('_', ' ')}. "
            "Set Unit to probability, and compare with no other label."
        )
    values, products = problem.gradients(points, lambda gradient: sum_with_length(gradient * factor))  # (N, T, F, 2)
    notice = NO_PRODUCT if factor is problem.x else NO_SUM
    warn_if_cancelled(problem.run, products[..., 0], products[..., 1], notice)
    return -products[..., 0] / values.clamp(min=torch.finfo(values.dtype).tiny)[..., None]


def _normalize(products: Tensor) -> Tensor:
    """Return the absolute mean of products (N, T, F), divided by its sum over features, (T, F)."""
    sizes = products.mean(0).abs()
    return sizes / sizes.sum(-1, keepdim=True).clamp(min=torch.finfo(sizes.dtype).tiny)
