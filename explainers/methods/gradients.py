"""Methods that read the gradient at the text itself, or around it.

Knows no task and no model: a Problem gives gradients.
"""

from typing import Annotated, Literal

from torch import Tensor

from ..method import Range, method
from ..problem import Attribution, Noisy, Problem

Norm = Annotated[
    Literal["L2", "signed"],
    "Take the gradient's length, or its sum over the embedding's width, which is zero behind a layer norm as in BERT.",
]


@method("Saliency", paper="Simonyan et al. 2013, arXiv:1312.6034", needs=("gradients",))
def saliency(problem: Problem, *, norm: Norm = "L2") -> Attribution:
    """How fast the score changes with each embedding. (T, F), score per unit of embedding."""
    _, gradients = problem.gradients(problem.x, lambda gradient: gradient)  # (1, T, F, D)
    return _reduced(gradients[0], norm)


@method("Input × gradient", paper="Shrikumar et al. 2016, arXiv:1605.01713", needs=("gradients",))
def input_x_gradient(problem: Problem) -> Attribution:
    """Gradient times embedding: the share of each token if the score were linear. (T, F), in the score's unit."""
    _, products = problem.gradients(problem.x, lambda gradient: (gradient * problem.x).sum(-1))  # (1, T, F)
    return Attribution(products[0])


@method("SmoothGrad", paper="Smilkov et al. 2017, arXiv:1706.03825", needs=("gradients",))
def smooth_grad(
    problem: Problem,
    *,
    norm: Norm = "L2",
    samples: Annotated[int, Range(1, 500), "How many noisy copies to average over."] = 30,
    noise: Annotated[float, Range(0, 1), "Standard deviation of the noise, as a share of the embeddings' range."] = 0.1,
) -> Attribution:
    """Saliency averaged over noisy copies of the text, seeded. (T, F), score per unit of embedding."""
    spread = noise * float(problem.x.max() - problem.x.min())
    points = Noisy(problem.x, spread, samples, problem.seed)
    _, sums = problem.gradients(points, lambda gradient: gradient.sum(0, keepdim=True))  # (batches, T, F, D)
    return _reduced(sums.sum(0) / samples, norm)


def _reduced(gradients: Tensor, norm: str) -> Attribution:
    """Gradients (T, F, D) as scores (T, F)."""
    if norm == "L2":
        return Attribution(gradients.norm(dim=-1), signed=False)
    return Attribution(gradients.sum(-1))
