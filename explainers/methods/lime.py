"""LIME: a small linear model of the score on texts or images with parts taken away. No gradient is computed.

Knows no task and no model.
"""

from typing import Annotated

import torch
from torch import Tensor

from ..chance import leaving_out, spread
from ..knobs import AtLevel, InPatches
from ..pieces import InPieces, pieces, shared
from ..problem import Attribution, Problem
from ..registry import Range, method

WIDTH = 0.25  # of the kernel, as in the paper's own code: 25 for distances that it multiplies by 100


@method("LIME", paper="Ribeiro et al. 2016, arXiv:1602.04938", needs=("baseline",))
def lime(
    problem: Problem,
    *,
    level: AtLevel = "word",
    patch: InPatches = 28,
    samples: Annotated[int, Range(2, 10_000), "How many times parts are taken away at random."] = 1_000,
    ridge: Annotated[float, Range(0, 100), "How strongly the linear model is held back from large weights."] = 1.0,
) -> Attribution:
    """What each part adds in a linear model of the score, fitted near the input on random copies without some parts.

    (T, F), in the score's unit: the features of a part share its weight equally. The first sample is the input
    itself; of every other a random number of parts is at its baseline, all numbers equally likely. Samples near the
    input count more: exp(-d² / 2w²) for cosine distance d and width w = 0.25.
    """
    groups = pieces(problem, level, patch)  # (F,)
    masks = near(int(groups.max()) + 1, samples, problem.generator)  # (N, P)
    values = problem.keep(InPieces(groups, masks)).double()  # (N, T)
    weights = (-((1 - masks.double().mean(1).sqrt()) ** 2) / (2 * WIDTH**2)).exp()  # (N,)
    kept = leaving_out(samples)
    error = spread([fitted(masks[some], values[some], weights[some], ridge) for some in kept])
    scores = shared(groups, fitted(masks, values, weights, ridge), problem.visible)
    return Attribution(scores, spread=None if error is None else shared(groups, error, problem.visible))


def near(count: int, samples: int, generator: torch.Generator) -> Tensor:
    """Masks (N, P) of P parts: all of them, then N - 1 times a random choice of a random number of them is left out."""
    out = torch.randint(1, count + 1, (samples, 1), generator=generator, device=generator.device)
    order = torch.rand(samples, count, generator=generator, device=generator.device).argsort(1).argsort(1)
    masks = order >= out
    masks[0] = True
    return masks.cpu()


def fitted(masks: Tensor, values: Tensor, weights: Tensor, ridge: float) -> Tensor:
    """The weights (T, P) of the ridge regression of values (N, T) on masks (N, P); its constant is not held back."""
    shares = (weights / weights.sum())[:, None]
    x = masks.double()
    x, y = x - (shares * x).sum(0), values - (shares * values).sum(0)
    products = x.T @ (weights[:, None] * x) + ridge * torch.eye(x.shape[1], dtype=x.dtype)
    solution: Tensor = torch.linalg.lstsq(products, x.T @ (weights[:, None] * y), driver="gelsd").solution  # (P, T)
    return solution.T.float()
