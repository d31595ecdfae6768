"""Where each attention head of a model looks when it writes one token.

Knows no page. Letters: L layers, H heads, F features.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .data import Feature, Progress
from .engine import borrowed
from .errors import BadRequest, Incompatible
from .loading import Bundle
from .problem import Run
from .registry import quiet
from .request import Request
from .tasks import TASKS


@dataclass(frozen=True)
class Question:
    """A request about written text, and the row of the token whose heads are asked about."""

    request: Request
    row: int


@dataclass(frozen=True, eq=False)
class Heads:
    """The attention weights (L, H, F) of the place from which a token was told, and what the features are.

    Of a model with two halves they are those of the half that writes: half for the source, half for what it wrote.
    """

    weights: NDArray[np.float32]
    features: tuple[Feature, ...]

    def strongest(self, feature: int, most: int = 5) -> list[tuple[int, int, float]]:
        """The heads that look at a feature most: layer and head from 1, and the weight."""
        seen = self.weights[:, :, feature]
        order = np.argsort(-seen, axis=None, kind="stable")[:most]
        return [(int(i // seen.shape[1]) + 1, int(i % seen.shape[1]) + 1, float(seen.flat[i])) for i in order]


def heads(question: Question, *, bundle: Bundle | None = None, progress: Progress = quiet) -> Heads:
    """All heads of all layers, from one pass. Raises Incompatible if the model does not tell its attention."""
    request = question.request
    with borrowed(request, bundle, progress) as held:
        problem = TASKS[request.task].encode(held, request, Run(progress=progress))
        if problem.attentions is None:
            raise Incompatible(f"{held.card.label} does not tell where its heads look.")
        if not 0 <= question.row < len(problem.targets):
            raise BadRequest(f"There is no token {question.row + 1}: {len(problem.targets)} are explained.")
        if problem.told_at is None:
            raise Incompatible("Heads are shown for tokens that are each told at one place.")
        place = int(problem.told_at[question.row])
        weights = problem.attentions()[problem.reading_layers :, :, place]  # (L, H, F)
        return Heads(weights.float().numpy(), tuple(problem.features))
