"""LIME by Captum's LimeBase: a linear model of the score on inputs with parts taken away. Needs no gradient.

Captum's cosine kernel and sampling loop are used as they are. The masks are drawn here, from the request's generator:
Captum's own default draws each part with probability 1/2, from the process-wide generator. The regression is ours
because Captum's takes one target at a time, gives no standard error and needs scikit-learn.
"""

from functools import partial
from typing import Annotated

import torch
from captum.attr._core.lime import get_exp_kernel_similarity_function
from torch import Tensor

from ..problem import Attribution, Problem
from ..registry import Range, method
from .captum_adapter import GroupForward, fit_surrogate
from .feature_groups import group_features
from .options import PatchSide, TextLevel
from .standard_error import make_folds

KERNEL_WIDTH = 0.25  # of the kernel, as in the paper's own code: 25 for distances that it multiplies by 100


@method("LIME", paper="Ribeiro et al. 2016, arXiv:1602.04938", needs=("baseline",))
def lime(
    problem: Problem,
    *,
    level: TextLevel = "word",
    patch: PatchSide = 28,
    samples: Annotated[int, Range(2, 10_000), "How many times parts are taken away at random."] = 1_000,
    ridge: Annotated[float, Range(0, 100), "How strongly the linear model is held back from large weights."] = 1.0,
) -> Attribution:
    """Fit a linear model of the score to random copies of the input with parts taken away; its weights are the scores.

    (T, F), in the score's unit: the features of a part share its weight equally. The first sample is the input
    itself; of every other a random number of parts is at its baseline, all numbers equally likely. Samples near the
    input count more: exp(-d² / 2w²) for cosine distance d and width w = 0.25.
    """
    groups = group_features(problem, level, patch)  # (F,)
    forward = GroupForward(problem, groups)
    masks = draw_masks(forward.count, samples, problem.generator)  # (N, P)
    kernel = get_exp_kernel_similarity_function("cosine", kernel_width=KERNEL_WIDTH)
    return fit_surrogate(forward, masks, kernel, partial(fit_ridge, ridge=ridge), make_folds(samples))


def draw_masks(count: int, samples: int, generator: torch.Generator) -> Tensor:
    """Draw masks (N, P) of P parts: first all, then N - 1 with a random number of random parts left out."""
    out = torch.randint(1, count + 1, (samples, 1), generator=generator, device=generator.device)
    order = torch.rand(samples, count, generator=generator, device=generator.device).argsort(1).argsort(1)
    masks = order >= out
    masks[0] = True
    return masks.cpu()


def fit_ridge(masks: Tensor, values: Tensor, weights: Tensor, ridge: float) -> Tensor:
    """Solve the weighted ridge regression of values (N, T) on masks (N, P), (T, P); the intercept is not penalised."""
    shares = (weights / weights.sum())[:, None]
    x = masks.double()
    x, y = x - (shares * x).sum(0), values - (shares * values).sum(0)
    products = x.T @ (weights[:, None] * x) + ridge * torch.eye(x.shape[1], dtype=x.dtype)
    solution: Tensor = torch.linalg.lstsq(products, x.T @ (weights[:, None] * y), driver="gelsd").solution  # (P, T)
    return solution.T.float()
