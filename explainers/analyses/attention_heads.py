"""Attention heads: what each head of a model attends to when it generates one token, or what each layer depends on.

Letters: L layers, H heads, F features.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..engine import borrow, make_problem, validate
from ..errors import BadRequest, Incompatible
from ..methods.attention import normalize_shares
from ..models.loading import Bundle
from ..problem import Problem
from ..progress import Progress, quiet
from ..request import Request
from ..results.explanation import Feature

Measure = Literal["attention", "zeroing"]


@dataclass(frozen=True)
class HeadsRequest:
    """A request about generated text, the row of one of its targets, and what is measured in each layer.

    `attention` are the attention weights; `zeroing` is how far the layer's output moves when the value vectors of one
    feature are zeroed in it.
    """

    request: Request
    row: int
    measure: Measure = "attention"


@dataclass(frozen=True, eq=False)
class Heads:
    """The attention weights (L, H, F) at the position that predicts one token, and the features attended to.

    For an encoder-decoder they are those of the decoder: half cross-attention, half self-attention. For zeroed values
    they are shares of how far each layer's output moves, for all heads together, (L, 1, F).
    """

    weights: NDArray[np.float32]
    features: tuple[Feature, ...]

    def find_strongest(self, feature: int, most: int = 5) -> list[tuple[int, int, float]]:
        """Return the heads that attend most to a feature: layer and head, counted from 1, and the weight."""
        weights = self.weights[:, :, feature]
        heads = weights.shape[1]
        order = np.argsort(-weights, axis=None, kind="stable")[:most]
        return [(int(i // heads) + 1, int(i % heads) + 1, float(weights.flat[i])) for i in order]


def read_heads(heads_request: HeadsRequest, *, bundle: Bundle | None = None, progress: Progress = quiet) -> Heads:
    """Read the attention of all layers from one pass, or zero the values in one pass per layer and feature.

    Raises Incompatible if the model does not return attention weights, or its values cannot be zeroed.
    """
    row, (request, task, _) = heads_request.row, validate(heads_request.request)
    with borrow(request, bundle, progress) as borrowed:
        problem = make_problem(request, task, borrowed, progress)
        if not 0 <= row < len(problem.targets):
            raise BadRequest(f"There is no token {row + 1}: {len(problem.targets)} are explained.")
        internals = problem.internals
        if internals.read_at is None:
            raise Incompatible("Attention heads are shown only for generated tokens.")
        weights = _compute_weights(problem, heads_request.measure, borrowed)  # (L, H, F, F)
        decoder = weights[internals.encoder_layers :, :, int(internals.read_at[row])]  # (L, H, F)
        return Heads(decoder.float().numpy(), tuple(problem.features))


def _compute_weights(problem: Problem, measure: Measure, bundle: Bundle) -> Tensor:
    """Compute the weights of each layer and head, from each position to each feature, (L, H, F, F)."""
    internals = problem.internals
    if measure == "attention":
        if internals.attentions is None:
            raise Incompatible(f"{bundle.card.label} does not return attention weights.")
        return internals.attentions()
    if internals.zeroing is None:
        raise Incompatible(f"The value vectors of {bundle.card.label} cannot be zeroed.")
    layers = bundle.model.config.num_hidden_layers + internals.encoder_layers
    problem.run.expect(1 + layers * len(problem.features))
    return normalize_shares(internals.zeroing(problem.batching.size))[:, None]
