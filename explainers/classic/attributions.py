"""The scores of one target in the form that transformers-interpret gives them, and its enumerations for images."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
import torch
from torch import Tensor

from ..results.explanation import Explanation

TokenScores = list[tuple[str, float]]


class AttributionType(Enum):
    """How images are explained: integrated gradients, or integrated gradients with a noise tunnel."""

    INTEGRATED_GRADIENTS = "IG"
    INTEGRATED_GRADIENTS_NOISE_TUNNEL = "IGNT"


class NoiseTunnelType(Enum):
    """What a noise tunnel computes of its noisy copies."""

    SMOOTHGRAD = "smoothgrad"
    SMOOTHGRAD_SQUARED = "smoothgrad_sq"
    VARGRAD = "vargrad"


@dataclass(frozen=True, eq=False)
class Attributions:
    """The tokens of an input with their scores for one target, L2-normalised, and the convergence delta (1,)."""

    word_attributions: TokenScores
    delta: Tensor

    @property
    def tokens(self) -> list[str]:
        """The tokens."""
        return [token for token, _ in self.word_attributions]

    @property
    def attributions_sum(self) -> Tensor:
        """The score of each token, (F,)."""
        return torch.tensor([score for _, score in self.word_attributions])


class LIGAttributions(Attributions):
    """Attributions by layer integrated gradients, the only ones for texts."""


def make_attributions(explanation: Explanation, row: int = 0, columns: Sequence[int] | None = None) -> LIGAttributions:
    """Make the attributions of target `row`, of all tokens or those of `columns`."""
    delta = np.zeros(len(explanation.targets)) if explanation.delta is None else explanation.delta
    return LIGAttributions(list_scores(explanation, row, columns), torch.tensor([float(delta[row])]))


def list_scores(explanation: Explanation, row: int = 0, columns: Sequence[int] | None = None) -> TokenScores:
    """List the tokens, or those of `columns`, with their scores for target `row`, L2-normalised."""
    chosen = range(len(explanation.features)) if columns is None else columns
    scores = np.nan_to_num(explanation.scores[row, list(chosen)])
    length = float(np.linalg.norm(scores)) or 1.0
    return [(explanation.tokens[i], float(score) / length) for i, score in zip(chosen, scores, strict=True)]
