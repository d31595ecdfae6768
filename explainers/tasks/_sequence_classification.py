"""What every task that classifies one or two texts shares: what a classifier says, and the classes asked about.

Knows no method; which texts there are is the task's to say.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ..errors import BadRequest, Incompatible
from ..models.loading import Bundle, read_labels
from ..problem import Problem
from ..progress import Run
from ..request import Request, Target
from ..results.explanation import Prediction
from ._scores import Activation, ScoreFunction, compute_probabilities, compute_score, name_unit
from ._text_problem import make_text_problem
from .answer_check import THRESHOLD, AnswerCheck, Judgement
from .base import is_unspecified
from .tokenization import ScoreParams, encode


def predict_texts(bundle: Bundle, texts: Mapping[str, str], kind: Activation) -> Prediction:
    """Every label with its probability, best first."""
    encoded = encode(bundle, texts)
    with torch.no_grad():
        return make_prediction(bundle, bundle.model(**encoded.inputs).logits, kind)


def make_prediction(bundle: Bundle, logits: Tensor, kind: Activation) -> Prediction:
    """What logits (1, C) say: every label with its probability, best first."""
    shown = compute_probabilities(logits[0], kind).tolist()  # (C,)
    targets = [Target(label, index, probability=shown[index]) for index, label in enumerate(read_labels(bundle.model))]
    return Prediction(tuple(sorted(targets, key=lambda target: -(target.probability or 0.0))))


def make_problem(
    bundle: Bundle, request: Request, run: Run, texts: Mapping[str, str], kind: Activation, most: int = 1
) -> Problem:
    """The Problem of a sequence classifier, its features the tokens of `texts`.

    Explained is the class that the request asks for, or else the `most` probable classes, one a target.
    """

    def ask(outputs: Sequence[Any], reading: ScoreParams) -> ScoreFunction:
        return make_score_function(bundle, request.target, outputs[0].logits, reading, kind, most)

    return make_text_problem(bundle, request, run, [encode(bundle, texts)], ask)


def make_score_function(
    bundle: Bundle, wanted: Target, logits: Tensor, reading: ScoreParams, kind: Activation, most: int = 1
) -> ScoreFunction:
    """The numbers of the class that is wanted, or else of the `most` probable, as read from logits (1, C)."""
    prediction = make_prediction(bundle, logits, kind)
    if is_unspecified(wanted):
        targets, foil = prediction.targets[:most], None
    else:
        target, foil = resolve_target(wanted, prediction)
        targets = (target,)

    def read(outputs: Sequence[Any]) -> Tensor:
        numbers = [compute_score(outputs[0].logits, target.index or 0, reading.unit, kind, foil) for target in targets]
        return torch.stack(numbers, dim=1)  # (B, T)

    return ScoreFunction(targets, prediction, name_unit(reading.unit, kind, foil), read)


def make_answer_check(bundle: Bundle, wanted: Target, texts: Mapping[str, str], kind: Activation) -> AnswerCheck:
    """How a sequence classifier answers about `texts`."""
    if kind == "none":
        raise Incompatible(f"{bundle.card.label} gives a number and chooses no label, so there is no answer to attack.")

    def judge(outputs: Sequence[Any]) -> Judgement:
        return judge_label(make_prediction(bundle, outputs[0].logits, kind), wanted, kind == "sigmoid")

    return AnswerCheck((encode(bundle, texts),), judge)


def judge_label(said: Prediction, wanted: Target, alone: bool) -> Judgement:
    """Whether the label that is wanted, or else the most probable, is what the model says.

    `alone` judges each label by itself: it is found from a probability of one half.
    """
    target, _ = resolve_target(Target(wanted.label, wanted.index), said)
    found = [other for other in said.targets if (other.probability or 0.0) >= THRESHOLD] if alone else [said.targets[0]]
    met = any(other.index == target.index for other in found)
    says = ", ".join(str(other.label) for other in found) or "none of its labels"
    return Judgement(Target(target.label), says, target.probability or 0.0, met)


def resolve_target(wanted: Target, said: Prediction) -> tuple[Target, int | None]:
    """The class that is asked for, the predicted one if none is, and the index of its foil."""
    target = said.targets[0]
    if wanted.label is not None or wanted.index is not None:
        target = _find_class(said, wanted.label, wanted.index)
    if wanted.foil is None:
        return target, None
    foil = _find_class(said, wanted.foil, None)
    if foil.index == target.index:
        raise BadRequest(f"{target.label} cannot be compared with itself. Choose another label to compare with.")
    return Target(target.label, target.index, foil=foil.label, probability=target.probability), foil.index


def _find_class(said: Prediction, label: str | None, index: int | None) -> Target:
    for matches in (
        lambda target: target.label == label if index is None else target.index == index,
        lambda target: index is None and str(target.label).casefold() == str(label).casefold(),
    ):
        if found := next(filter(matches, said.targets), None):
            return found
    known = ", ".join(sorted(str(target.label) for target in said.targets)[:30])
    raise BadRequest(f"There is no label {str(label if index is None else index)[:60]!r} here. The labels: {known}.")
