"""Gradients at noisy copies of the input: mean, mean square and variance, each with its standard error.

Our own, not Captum's NoiseTunnel of Saliency, which draws from the process-wide generator of torch: with the same seed,
its scores change when another thread draws too. It also gives no standard error, and three targets cost 3 times the
forward passes. With 16 copies of 20 tokens it takes 0.7 of our time for one target and as much for three, because the
six folds for the standard error make small batches (`python -m bench.captum`). Batches across folds would change the
scores: float32 gradients of the same copy differ by up to 7e-7 between batches of 2 or 3 and of 5 or more.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Annotated

import torch
from torch import Tensor

from ..problem import Attribution, NoisyCopies, Problem
from ..registry import Range, method
from .options import Norm, reduce_gradients, warn_if_cancelled
from .standard_error import FOLDS, estimate_jackknife_error

Samples = Annotated[int, Range(1, 500), "Number of noisy copies."]
Noise = Annotated[float, Range(0, 1), "Standard deviation of the noise, as a fraction of the input's range."]
Statistic = Callable[[Tensor, Tensor], Tensor]
"""From mean gradients (T, F, D) and the mean of their squared lengths (T, F) to scores (T, F)."""
MOST_BYTES = 1e8  # of gradient sums in memory at once; for hundreds of generated tokens, all would not fit


@method("SmoothGrad", paper="Smilkov et al. 2017, arXiv:1706.03825", needs=("gradients",))
def smooth_grad(problem: Problem, *, norm: Norm = "L2", samples: Samples = 30, noise: Noise = 0.1) -> Attribution:
    """Average how sensitive the score is to each token or pixel over slightly noisy copies of the input.

    L2 norm of the mean gradient, or its signed sum, over the embedding width: (T, F), score per unit of embedding.
    """
    return _compute_statistic(problem, samples, noise, lambda mean, _: reduce_gradients(mean, norm), norm == "signed")


@method("SquareGrad", paper="Hooker et al. 2019, arXiv:1806.10758", needs=("gradients",))
def square_grad(problem: Problem, *, samples: Samples = 30, noise: Noise = 0.1) -> Attribution:
    """Average the squared sensitivity of the score to each token or pixel over slightly noisy copies of the input.

    Mean squared gradient, summed over the embedding width: (T, F), in squares of score per unit of embedding.
    """
    return _compute_statistic(problem, samples, noise, lambda _, square: square, False)


@method("VarGrad", paper="Adebayo et al. 2018, arXiv:1810.03307", needs=("gradients",))
def var_grad(problem: Problem, *, samples: Samples = 30, noise: Noise = 0.1) -> Attribution:
    """Measure how much the sensitivity to each token or pixel varies between slightly noisy copies of the input.

    Variance of the gradient, summed over the embedding width: (T, F), in squares of score per unit of embedding.
    """
    return _compute_statistic(problem, samples, noise, _compute_variance, False)


def _compute_variance(mean: Tensor, square: Tensor) -> Tensor:
    """Compute the variance summed over the embedding width, (T, F)."""
    return (square - mean.square().sum(-1)).clamp(min=0)


def _compute_statistic(problem: Problem, samples: int, noise: float, statistic: Statistic, signed: bool) -> Attribution:
    """Compute a statistic over `samples` copies, for a few targets at a time to limit memory."""
    firsts = torch.linspace(0, samples, min(FOLDS, samples) + 1).long().tolist()
    together = max(1, int(MOST_BYTES / (len(firsts) * problem.x.numel() * problem.x.element_size())))
    starts = range(0, len(problem.targets), together)
    problem.run.expect(samples * len(starts))
    deviation = noise * float(problem.x.max() - problem.x.min())
    estimates = [
        _estimate(problem.select_targets(slice(start, start + together)), firsts, deviation, statistic)
        for start in starts
    ]
    scores, lengths, errors = zip(*estimates, strict=True)
    if signed:
        warn_if_cancelled(problem.run, torch.cat(scores), torch.cat(lengths))
    spreads = [error for error in errors if error is not None]
    return Attribution(torch.cat(scores), signed=signed, spread=torch.cat(spreads) if spreads else None)


def _estimate(
    problem: Problem, firsts: list[int], deviation: float, statistic: Statistic
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Return scores (T, F), lengths of mean gradients (T, F), and standard errors from folds between `firsts`."""
    folds = torch.stack(
        [_sum_gradients(problem, deviation, first, end) for first, end in pairwise(firsts)]
    )  # (K, T, F, D + 1)
    total, samples = folds.sum(0), firsts[-1]
    counts = [end - first for first, end in pairwise(firsts)]
    pairs = zip(folds, counts, strict=True) if len(folds) > 1 else ()
    without = [statistic(*_compute_moments(total - sums, samples - count)) for sums, count in pairs]
    mean, square = _compute_moments(total, samples)
    return statistic(mean, square), mean.norm(dim=-1), estimate_jackknife_error(without)


def _sum_gradients(problem: Problem, deviation: float, first: int, end: int) -> Tensor:
    """Sum the gradients of copies `first` to `end`, and their squared lengths as the last column, (T, F, D + 1)."""
    total = torch.zeros(())
    for start in range(first, end, problem.batching.size):
        copies = NoisyCopies(problem.x, deviation, min(problem.batching.size, end - start), problem.seed, start)
        _, sums = problem.gradients(copies, _sum_batch)
        total = total + sums[0]
    return total


def _sum_batch(gradients: Tensor) -> Tensor:
    """Sum gradients (B, F, D), and their squared lengths as the last column, (1, F, D + 1)."""
    return torch.cat([gradients, gradients.square().sum(-1, keepdim=True)], dim=-1).sum(0, keepdim=True)


def _compute_moments(sums: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Divide sums (T, F, D + 1) into the mean gradient (T, F, D) and the mean squared length (T, F)."""
    return sums[..., :-1] / count, sums[..., -1] / count
