"""Compute the explained score from a model's outputs: a probability, a logit, log-odds, or a margin of those."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import torch
from torch import Tensor

from ..request import Target
from ..results.explanation import Prediction, Steps

Unit = Literal["probability", "logit", "log_odds"]
UnitParam = Annotated[
    Unit, "The number to explain: probability, logit (the model's output before softmax or sigmoid) or log-odds."
]
Activation = Literal["softmax", "sigmoid", "none"]


@dataclass(frozen=True)
class ScoreFunction:
    """The T targets that are explained, the model's prediction, and the function of its outputs that scores them.

    `read` takes the outputs for B inputs, one output a sequence, and returns the scores (B, T) in `unit`.
    `alone` has, for each target, the index of the only sequence that its score depends on; it is empty if scores
    depend on all sequences. `steps` are the step scores of each target.
    """

    targets: tuple[Target, ...]
    prediction: Prediction
    unit: str
    read: Callable[[Sequence[Any]], Tensor]
    alone: tuple[int, ...] = ()
    steps: Steps = ()


def rank_targets(targets: Iterable[Target]) -> Prediction:
    """Return the targets as a prediction, the most probable first."""
    return Prediction(tuple(sorted(targets, key=lambda target: -(target.probability or 0.0))))


def find_activation(config: Any) -> Activation:
    """Return the activation that the transformers pipeline applies to the outputs of a model with this config."""
    problem_type = getattr(config, "problem_type", None)
    if problem_type == "regression":
        return "none"
    if problem_type == "multi_label_classification" or getattr(config, "num_labels", None) == 1:
        return "sigmoid"
    return "softmax"


def compute_probabilities(logits: Tensor, activation: Activation) -> Tensor:
    """Return the probabilities (…, C) that the pipeline shows for logits (…, C); regression outputs stay unchanged."""
    match activation:
        case "softmax":
            return logits.softmax(-1)
        case "sigmoid":
            return logits.sigmoid()
        case _:
            return logits


def compute_score(logits: Tensor, index: int, unit: Unit, activation: Activation, foil: int | None = None) -> Tensor:
    """Return the score (B,) of class `index` from logits (B, C), minus that of class `foil` if there is one."""
    if foil is not None:
        return compute_score(logits, index, unit, activation) - compute_score(logits, foil, unit, activation)
    if unit == "probability":
        return compute_probabilities(logits, activation)[:, index]
    if unit == "log_odds" and activation == "softmax":
        others = torch.cat([logits[:, :index], logits[:, index + 1 :]], dim=1)  # (B, C-1)
        return logits[:, index] - others.logsumexp(dim=1)
    return logits[:, index]


def name_unit(unit: Unit, activation: Activation, foil: int | None) -> str:
    """Return the name of the score's unit, as an Explanation has it."""
    name = "score" if activation == "none" else unit
    return name if foil is None else f"{name}_margin"
