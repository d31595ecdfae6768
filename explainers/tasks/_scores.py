"""From a model's outputs to the numbers that are explained: probability, logit, log-odds, or a margin of those.

Knows no tokenizer and no method.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from ..request import Target
from ..results.explanation import Prediction, Steps

Unit = Literal["probability", "logit", "log_odds"]
Activation = Literal["softmax", "sigmoid", "none"]


@dataclass(frozen=True)
class ScoreFunction:
    """What is read out of a model's outputs, and what the model said.

    `read` takes the outputs of B inputs, one a sequence, and gives the T numbers explained, (B, T), in `unit`.
    `alone` names for each target the one sequence that it depends on; empty if it may depend on all. `steps` are
    further numbers of each target.
    """

    targets: tuple[Target, ...]
    prediction: Prediction
    unit: str
    read: Callable[[Sequence[Any]], Tensor]
    alone: tuple[int, ...] = ()
    steps: Steps = ()


def find_activation(config: Any) -> Activation:
    """What the transformers pipeline does to this model's outputs."""
    if config.problem_type == "regression":
        return "none"
    if config.problem_type == "multi_label_classification" or config.num_labels == 1:
        return "sigmoid"
    return "softmax"


def compute_probabilities(logits: Tensor, kind: Activation) -> Tensor:
    """(…, C) outputs as the probabilities (…, C) that the pipeline shows; a regression's outputs as they are."""
    match kind:
        case "softmax":
            return logits.softmax(-1)
        case "sigmoid":
            return logits.sigmoid()
        case _:
            return logits


def compute_score(logits: Tensor, index: int, unit: Unit, kind: Activation, foil: int | None = None) -> Tensor:
    """The number explained, (B,), of outputs (B, C); with a foil, how far it is above that of the foil."""
    number = _compute_one_score(logits, index, unit, kind)
    return number if foil is None else number - _compute_one_score(logits, foil, unit, kind)


def _compute_one_score(logits: Tensor, index: int, unit: Unit, kind: Activation) -> Tensor:
    if unit == "probability":
        return compute_probabilities(logits, kind)[:, index]
    if unit == "log_odds" and kind == "softmax":
        others = torch.cat([logits[:, :index], logits[:, index + 1 :]], dim=1)  # (B, C-1)
        return logits[:, index] - others.logsumexp(dim=1)
    return logits[:, index]


def name_unit(unit: Unit, kind: Activation, foil: int | None) -> str:
    """The unit of the number explained, as it stands in an Explanation."""
    name = "score" if kind == "none" else unit
    return name if foil is None else f"{name}_margin"
