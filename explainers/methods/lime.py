"""LIME with Captum's LimeBase: a linear model of the score on randomly perturbed inputs.

Captum's cosine kernel and sampling loop are used as they are. The masks are drawn here, from the request's generator:
Captum's default keeps each feature group with probability 1/2, by the process-wide generator. The regression is our
own because Captum's takes one target at a time, gives no standard error and needs scikit-learn.
Letters in shapes: P feature groups, N samples.
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

KERNEL_WIDTH = 0.25  # as in the paper's code: 25 for distances that it multiplies by 100


@method("LIME", paper="Ribeiro et al. 2016, arXiv:1602.04938", needs=("baseline",))
def lime(
    problem: Problem,
    *,
    level: TextLevel = "word",
    patch: PatchSide = 28,
    samples: Annotated[int, Range(2, 10_000), "Number of random perturbations."] = 1_000,
    ridge: Annotated[float, Range(0, 100), "Ridge penalty on the weights of the linear model."] = 1.0,
) -> Attribution:
    """Hide random words or squares many times, and learn from the model's answers how much each of them matters.

    Coefficients of a weighted ridge regression: (T, F), in the score's unit; features of a group share its coefficient
    equally. The first sample is the input itself; each other sample sets a random number of groups to the baseline,
    all numbers equally likely. Sample weights are exp(-d² / 2w²) for cosine distance d to the input and width w = 0.25.
    """
    groups = group_features(problem, level, patch)  # (F,)
    forward = GroupForward(problem, groups)
    masks = draw_masks(forward.count, samples, problem.generator)  # (N, P)
    kernel = get_exp_kernel_similarity_function("cosine", kernel_width=KERNEL_WIDTH)
    return fit_surrogate(forward, masks, kernel, partial(fit_ridge, ridge=ridge), make_folds(samples))


def draw_masks(count: int, samples: int, generator: torch.Generator) -> Tensor:
    """Draw masks (N, P): one of all groups, then N - 1 without a random number of random groups."""
    removed = torch.randint(1, count + 1, (samples, 1), generator=generator, device=generator.device)
    order = (
        torch.rand(samples, count, generator=generator, dtype=torch.float32, device=generator.device)
        .argsort(1)
        .argsort(1)
    )
    masks = order >= removed
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
