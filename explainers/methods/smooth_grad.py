"""Gradients at noisy copies of the input: their mean, their mean square, their variance; each with its spread.

Knows no task and no model: a Problem gives gradients.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Annotated

import torch
from torch import Tensor

from ..chance import FOLDS, spread
from ..knobs import Norm, lengths, told_if_nothing
from ..method import Range, method
from ..problem import Attribution, Noisy, Problem

Samples = Annotated[int, Range(1, 500), "How many noisy copies to average over."]
Noise = Annotated[float, Range(0, 1), "Standard deviation of the noise, as a share of the embeddings' range."]
Statistic = Callable[[Tensor, Tensor], Tensor]
"""From the mean of gradients (T, F, D) and the mean of their squares to scores (T, F)."""


@method("SmoothGrad", paper="Smilkov et al. 2017, arXiv:1706.03825", needs=("gradients",))
def smooth_grad(problem: Problem, *, norm: Norm = "L2", samples: Samples = 30, noise: Noise = 0.1) -> Attribution:
    """Saliency averaged over noisy copies of the input, seeded. (T, F), score per unit of embedding."""
    return _noisy(problem, samples, noise, lambda mean, _: lengths(mean, norm), norm == "signed")


@method("SquareGrad", paper="Hooker et al. 2019, arXiv:1806.10758", needs=("gradients",))
def square_grad(problem: Problem, *, samples: Samples = 30, noise: Noise = 0.1) -> Attribution:
    """The mean square of the gradient over noisy copies of the input, seeded.

    (T, F), summed over the embedding's width, in squares of score per unit of embedding.
    """
    return _noisy(problem, samples, noise, lambda _, square: square.sum(-1), False)


@method("VarGrad", paper="Adebayo et al. 2018, arXiv:1810.03307", needs=("gradients",))
def var_grad(problem: Problem, *, samples: Samples = 30, noise: Noise = 0.1) -> Attribution:
    """How much the gradient varies between noisy copies of the input, seeded: where noise changes what matters.

    (T, F), variances summed over the embedding's width, in squares of score per unit of embedding.
    """
    return _noisy(problem, samples, noise, lambda mean, square: (square - mean**2).clamp(min=0).sum(-1), False)


def _noisy(problem: Problem, samples: int, noise: float, statistic: Statistic, signed: bool) -> Attribution:
    problem.run.expect(samples)
    deviation = noise * float(problem.x.max() - problem.x.min())
    firsts = torch.linspace(0, samples, min(FOLDS, samples) + 1).long().tolist()
    folds = [_moments(problem, deviation, first, end - first) for first, end in pairwise(firsts)]
    sums = torch.stack(folds)  # (K, 2, T, F, D)
    if signed:
        told_if_nothing(problem.run, statistic(*sums.sum(0)), sums.sum(0)[0].norm(dim=-1))
    every, counts = sums.sum(0), torch.tensor(firsts).diff().to(sums)
    without = [statistic(*(every - sums[k]) / (samples - counts[k])) for k in range(len(folds)) if len(folds) > 1]
    return Attribution(statistic(*every / samples), signed=signed, spread=spread(without))


def _moments(problem: Problem, deviation: float, first: int, count: int) -> Tensor:
    """The sums of the gradients and of their squares over `count` copies, (2, T, F, D)."""
    copies = Noisy(problem.x, deviation, count, problem.seed, first)
    _, sums = problem.gradients(copies, lambda gradient: torch.stack([gradient.sum(0), gradient.square().sum(0)]))
    return sums.reshape(-1, 2, *sums.shape[1:]).sum(0)
