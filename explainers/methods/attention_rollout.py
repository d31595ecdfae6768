"""Attention rollout: the attention of all layers multiplied, with what passes each layer by.

Knows no task and no model: a Problem gives the attention weights.
"""

import torch
from torch import Tensor

from ..errors import Incompatible
from ..method import method
from ..problem import Attribution, Problem


@method("Attention rollout", paper="Abnar & Zuidema 2020, arXiv:2005.00928", needs=("attentions",))
def attention_rollout(problem: Problem) -> Attribution:
    """The share of each patch in what the model attends to, through all its layers; the same for every label.

    (T, F): a patch's share is the sum over its pixels.
    """
    if problem.attentions is None or problem.patches is None or problem.grid is None:
        raise Incompatible("Attention rollout needs a model whose patches attend to each other.")
    rolled = rollout(problem.attentions())  # (N, N)
    problem.run.spend(1)
    high, wide = problem.patches
    extra = len(rolled) - high * wide
    seen = rolled[0] if extra else rolled.mean(0)  # by the class token, or where there is none by all
    shares = seen[extra:].reshape(high, wide)
    down, across = (torch.arange(n) * m // n for n, m in zip(problem.grid, problem.patches, strict=True))
    pixels = down.bincount(minlength=high)[:, None] * across.bincount(minlength=wide)  # of each patch
    each = (shares / pixels)[down][:, across]  # (rows, columns)
    return Attribution(problem.painted(each.expand(len(problem.targets), -1, -1)), signed=False)


def rollout(weights: Tensor) -> Tensor:
    """How much of each token (N) is in each token (N) after all layers, of attention (L, heads, N, N)."""
    eye = torch.eye(weights.shape[-1])
    rolled = eye
    for layer in weights.mean(1):  # (N, N)
        rolled = (layer + eye) / 2 @ rolled
    return rolled
