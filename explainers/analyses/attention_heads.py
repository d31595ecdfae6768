"""Where each attention head of a model looks when it writes one token, and what each layer takes from where.

Knows no page. Letters: L layers, H heads, F features.
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

Told = Literal["attention", "zeroing"]


@dataclass(frozen=True)
class HeadsQuestion:
    """A request about written text, the row of the token that is asked about, and what of each layer is told.

    `zeroing` tells of each layer how far the state moves when the values of one feature are zeroed there.
    """

    request: Request
    row: int
    told: Told = "attention"


@dataclass(frozen=True, eq=False)
class Heads:
    """The attention weights (L, H, F) of the place from which a token was told, and what the features are.

    Of a model with two halves they are those of the half that writes: half for the source, half for what it wrote.
    With zeroed values they are shares of how far each layer's state moves, with all heads as one (L, 1, F).
    """

    weights: NDArray[np.float32]
    features: tuple[Feature, ...]

    def strongest(self, feature: int, most: int = 5) -> list[tuple[int, int, float]]:
        """The heads that look at a feature most: layer and head from 1, and the weight."""
        seen = self.weights[:, :, feature]
        order = np.argsort(-seen, axis=None, kind="stable")[:most]
        return [(int(i // seen.shape[1]) + 1, int(i % seen.shape[1]) + 1, float(seen.flat[i])) for i in order]


def read_heads(question: HeadsQuestion, *, bundle: Bundle | None = None, progress: Progress = quiet) -> Heads:
    """All layers, from one pass, or with zeroed values one a layer and feature.

    Raises Incompatible if the model does not tell its attention, or its values cannot be zeroed.
    """
    request = question.request
    task, _ = validate(request)
    with borrow(request, bundle, progress) as held:
        problem = make_problem(request, task, held, progress)
        if not 0 <= question.row < len(problem.targets):
            raise BadRequest(f"There is no token {question.row + 1}: {len(problem.targets)} are explained.")
        if problem.internals.read_at is None:
            raise Incompatible("Heads are shown for tokens that are each told at one place.")
        place = int(problem.internals.read_at[question.row])
        weights = _weights(problem, question.told, held)[problem.internals.encoder_layers :, :, place]  # (L, H, F)
        return Heads(weights.float().numpy(), tuple(problem.features))


def _weights(problem: Problem, told: Told, held: Bundle) -> Tensor:
    """What each layer and head takes from where, (L, H, F, F)."""
    if told == "attention":
        if problem.internals.attentions is None:
            raise Incompatible(f"{held.card.label} does not tell where its heads look.")
        return problem.internals.attentions()
    if problem.internals.zeroing is None:
        raise Incompatible(f"The values of {held.card.label} cannot be zeroed.")
    layers, count = held.model.config.num_hidden_layers, len(problem.features)
    problem.run.expect(1 + (layers + problem.internals.encoder_layers) * count)
    return normalize_shares(problem.internals.zeroing(problem.batching.size))[:, None]
