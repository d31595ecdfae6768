"""Methods that follow the information flow between tokens or patches: attention, attention rollout, value zeroing.

Letters in shapes: L layers, N tokens or patches, T targets, F features.
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
    layer: Annotated[int, Range(0, 200), "Layer, counted from 1; 0: mean over all layers."] = 0,
    head: Annotated[int, Range(0, 200), "Attention head of the layer, counted from 1; 0: mean over all heads."] = 0,
) -> Attribution:
    """Show how much attention the model pays to each token where it forms its answer; the same for every label.

    Attention weights of the tokens that the score is read from, averaged by how much the score depends on each:
    (T, F), shares of 1.
    """
    weights = _compute_weights(problem)[problem.internals.encoder_layers :]
    weights = _select(_select(weights, 0, layer, "layer"), 0, head, "head")  # (N, N)
    shares = _weigh_read_tokens(problem, len(weights)) @ weights  # (T, N)
    return Attribution(_spread_over_features(problem, shares), signed=False)


@method("Attention rollout", paper="Abnar & Zuidema 2020, arXiv:2005.00928", needs=("attentions",))
def attention_rollout(problem: Problem) -> Attribution:
    """Follow the model's attention through all layers back to each token or patch; the same for every label.

    Product over the layers of (mean attention of the heads + identity) / 2, (T, F), shares of 1. The share of a patch
    is the sum over its pixels.
    """
    rolled = compute_rollout(_compute_weights(problem))  # (N, N)
    shares = _weigh_read_tokens(problem, len(rolled)) @ rolled  # (T, N)
    return Attribution(_spread_over_features(problem, shares), signed=False)


@method("Value zeroing", paper="Mohebbi et al. 2023, arXiv:2301.12971", needs=("zeroing",))
def value_zeroing(
    problem: Problem,
    *,
    through: Annotated[
        Literal["rollout", "mean", "last"],
        "Follow the changes through all layers, average the layers, or use the last layer only.",
    ] = "rollout",
) -> Attribution:
    """Measure how much the model's inner states change when one token is hidden from them; the same for every label.

    Cosine distance of each state when the value vectors of one token are set to zero, divided by the sum over tokens:
    (T, F), shares of 1.
    """
    if problem.internals.zeroing is None:
        raise Incompatible("Value zeroing needs the value vectors of each layer, which this model does not provide.")
    layers = normalize_shares(problem.internals.zeroing(problem.batching.size))  # (L, F, F)
    match through:
        case "rollout":
            mixed = torch.linalg.multi_dot(tuple(layers.flip(0))) if len(layers) > 1 else layers[0]  # (F, F)
        case "mean":
            mixed = layers[problem.internals.encoder_layers :].mean(0)
        case _:
            mixed = layers[-1]
    return Attribution(_weigh_read_tokens(problem, len(mixed)) @ mixed, signed=False)


def normalize_shares(distances: Tensor) -> Tensor:
    """Divide distances (…, F) by their sum over F; negative ones count as 0."""
    sizes = distances.clamp(min=0)
    return sizes / sizes.sum(-1, keepdim=True).clamp(min=torch.finfo(sizes.dtype).tiny)


def compute_rollout(weights: Tensor) -> Tensor:
    """Compute how much of each input token is in each state after the last layer, (N, N), from (L, heads, N, N)."""
    eye = torch.eye(weights.shape[-1]).to(weights)
    rolled = eye
    for layer in weights.mean(1):  # (N, N)
        rolled = (layer + eye) / 2 @ rolled
    return rolled


def _compute_weights(problem: Problem) -> Tensor:
    """Compute the attention weights of all layers, (L, heads, N, N)."""
    if problem.internals.attentions is None or (problem.layout.grid and problem.internals.patches is None):
        raise Incompatible("Attention needs a model whose tokens or patches attend to each other.")
    weights = problem.internals.attentions()
    problem.run.spend(1)
    return weights


def _select(weights: Tensor, axis: int, number: int, name: str) -> Tensor:
    """Select one entry along an axis, counted from 1; 0 selects the mean over the axis."""
    if number == 0:
        return weights.mean(axis)
    if number > (count := weights.shape[axis]):
        raise BadRequest(f"There is no {name} {number}: the model has {count}. Give 0 to {count}.")
    return weights.select(axis, number - 1)


def _weigh_read_tokens(problem: Problem, count: int) -> Tensor:
    """Return the share of each token among those that the targets' scores are read from, (T, N).

    Text: the length of the gradient at the last layer's states, so that a classifier that reads one token gives that
    token 1. Image: the class token, or all patches equally if there is none.
    """
    if problem.internals.read_at is not None:
        return torch.eye(count)[problem.internals.read_at]
    if problem.internals.hidden is None:
        rows, columns = problem.internals.patches or (1, count)
        share = torch.eye(count)[0] if count > rows * columns else torch.full((count,), 1 / count)
        return share.expand(len(problem.targets), -1)
    _, gradients = problem.internals.hidden(-1)  # (T, N, H)
    problem.run.spend(1, len(gradients))
    lengths = gradients.norm(dim=-1)
    sums = lengths.sum(-1, keepdim=True)
    return torch.where(sums > 0, lengths / sums.clamp(min=torch.finfo(sums.dtype).tiny), 1 / count)


def _spread_over_features(problem: Problem, shares: Tensor) -> Tensor:
    """Return scores (T, F) from shares of tokens (T, N): a text token is one feature, a patch has many."""
    if not problem.layout.grid or problem.internals.patches is None:
        return shares
    rows, columns = problem.internals.patches
    patches = shares[:, shares.shape[1] - rows * columns :].reshape(-1, rows, columns)
    row_of, column_of = (torch.arange(n) * m // n for n, m in zip(problem.layout.grid, (rows, columns), strict=True))
    pixels = row_of.bincount(minlength=rows)[:, None] * column_of.bincount(minlength=columns)  # in each patch
    return problem.spread_over_channels((patches / pixels)[:, row_of][:, :, column_of])  # from (T, rows, columns)
