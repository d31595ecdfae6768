"""Methods that follow what tokens or patches take from each other: attention, its rollout, and zeroed values.

Knows no task and no model: a Problem tells the weights. Letters: L layers, N tokens or patches, T targets.
"""

from typing import Annotated, Literal

import torch
from torch import Tensor

from ..errors import BadRequest, Incompatible
from ..problem import Attribution, Problem
from ..registry import Range, method


@method("Attention", paper="Clark et al. 2019, arXiv:1906.04341", needs=("attentions",))
def attention(
    problem: Problem,
    *,
    layer: Annotated[int, Range(0, 200), "The layer whose attention is shown, counted from 1; 0 is their mean."] = 0,
    head: Annotated[int, Range(0, 200), "The head of the layer, counted from 1; 0 is their mean."] = 0,
) -> Attribution:
    """How much the model attends to each token from where it reads its answer; the same for every label.

    (T, F): shares of 1, of those tokens that the number is read from, by how much it depends on each.
    """
    weights = _compute_weights(problem)[problem.internals.encoder_layers :]
    weights = _select(_select(weights, 0, layer, "layer"), 0, head, "head")  # (N, N)
    return Attribution(
        _spread_over_features(problem, _weigh_read_tokens(problem, len(weights)) @ weights), signed=False
    )


@method("Attention rollout", paper="Abnar & Zuidema 2020, arXiv:2005.00928", needs=("attentions",))
def attention_rollout(problem: Problem) -> Attribution:
    """The share of each token or patch in what the model attends to through all its layers; the same for every label.

    (T, F): a patch's share is the sum over its pixels.
    """
    rolled = compute_rollout(_compute_weights(problem))  # (N, N)
    return Attribution(_spread_over_features(problem, _weigh_read_tokens(problem, len(rolled)) @ rolled), signed=False)


@method("Value zeroing", paper="Mohebbi et al. 2023, arXiv:2301.12971", needs=("zeroing",))
def value_zeroing(
    problem: Problem,
    *,
    through: Annotated[
        Literal["rollout", "mean", "last"],
        "Follow the changes through all layers, take the mean of the layers, or the last one alone.",
    ] = "rollout",
) -> Attribution:
    """How far the model's states move when the values of one token are zeroed; the same for every label.

    (T, F): shares of 1, the distances (cosine) divided by their sum for each state that moves.
    """
    if problem.internals.zeroing is None:
        raise Incompatible("Value zeroing needs the values of each layer, which this model does not give.")
    layers = normalize_shares(problem.internals.zeroing(problem.batching.size))  # (L, F, F)
    match through:
        case "rollout":
            mixed = torch.linalg.multi_dot(tuple(layers.flip(0))) if len(layers) > 1 else layers[0]  # (F, F)
        case "mean":
            mixed = layers[problem.internals.encoder_layers :].mean(0)
        case _:
            mixed = layers[-1]
    return Attribution(_weigh_read_tokens(problem, len(mixed)) @ mixed, signed=False)


def normalize_shares(moved: Tensor) -> Tensor:
    """How far states move (…, F) as shares of 1."""
    sizes = moved.clamp(min=0)
    return sizes / sizes.sum(-1, keepdim=True).clamp(min=torch.finfo(sizes.dtype).tiny)


def compute_rollout(weights: Tensor) -> Tensor:
    """How much of each token (N) is in each token (N) after all layers, of attention (L, heads, N, N)."""
    eye = torch.eye(weights.shape[-1])
    rolled = eye
    for layer in weights.mean(1):  # (N, N)
        rolled = (layer + eye) / 2 @ rolled
    return rolled


def _compute_weights(problem: Problem) -> Tensor:
    """The attention of all layers, (L, heads, N, N)."""
    if problem.internals.attentions is None or (problem.layout.grid and problem.internals.patches is None):
        raise Incompatible("Attention needs a model whose tokens or patches attend to each other.")
    weights = problem.internals.attentions()
    problem.run.spend(1)
    return weights


def _select(weights: Tensor, axis: int, number: int, what: str) -> Tensor:
    """One of a tensor's entries along an axis, counted from 1, or the mean of all for 0."""
    if number == 0:
        return weights.mean(axis)
    if number > (most := weights.shape[axis]):
        raise BadRequest(f"The model has {most} of them, so there is no {what} {number}. Give 0 to {most}.")
    return weights.select(axis, number - 1)


def _weigh_read_tokens(problem: Problem, count: int) -> Tensor:
    """The share of each token in what each target is read from, (T, N).

    Of a text by the length of the gradient at its last state: a classifier that reads one token gives that one 1. Of
    an image it is the class token, or where there is none all patches.
    """
    if problem.internals.read_at is not None:
        return torch.eye(count)[problem.internals.read_at]
    if problem.internals.hidden is None:
        high, wide = problem.internals.patches or (1, count)
        only = torch.eye(count)[0] if count > high * wide else torch.full((count,), 1 / count)
        return only.expand(len(problem.targets), -1)
    _, gradients = problem.internals.hidden(-1)  # (T, N, H)
    problem.run.spend(1, len(gradients))
    lengths = gradients.norm(dim=-1)
    sums = lengths.sum(-1, keepdim=True)
    return torch.where(sums > 0, lengths / sums.clamp(min=torch.finfo(sums.dtype).tiny), 1 / count)


def _spread_over_features(problem: Problem, shares: Tensor) -> Tensor:
    """Shares of tokens (T, N) as scores of features (T, F): a token of a text is one, a patch has many."""
    if not problem.layout.grid or problem.internals.patches is None:
        return shares
    high, wide = problem.internals.patches
    patches = shares[:, shares.shape[1] - high * wide :].reshape(-1, high, wide)
    down, across = (torch.arange(n) * m // n for n, m in zip(problem.layout.grid, (high, wide), strict=True))
    pixels = down.bincount(minlength=high)[:, None] * across.bincount(minlength=wide)  # of each patch
    return problem.painted((patches / pixels)[:, down][:, :, across])  # from (T, rows, columns)
