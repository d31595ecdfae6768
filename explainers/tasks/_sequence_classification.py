"""The parts that the tasks with a sequence classifier share: predictions, score functions, and checks of classes."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..errors import BadRequest, Incompatible
from ..models.loading import Bundle, read_labels
from ..models.probes.fences import fence_forward
from ..problem import Problem
from ..progress import Run
from ..request import Target, ValidRequest
from ..results.explanation import Prediction
from ._outputs import read_class_logits
from ._scores import (
    Activation,
    ScoreFunction,
    compute_probabilities,
    compute_score,
    find_activation,
    name_unit,
    rank_targets,
)
from ._text_problem import make_text_problem
from .answer_check import THRESHOLD, AnswerCheck, Attackable, Judgement
from .base import is_unspecified
from .tokenization import ScoreParams, encode


class SequenceClassification(Attackable):
    """A task whose model has one output per text, or pair of texts: logits of C classes."""

    def find_activation(self, bundle: Bundle) -> Activation:
        """Return the activation that turns the model's logits into probabilities. Raises Incompatible."""
        return find_activation(bundle.model.config)

    def make_score_function(
        self, bundle: Bundle, request: ValidRequest, logits: Tensor, params: ScoreParams
    ) -> ScoreFunction:
        """Make the score of the requested class, by default the most probable, from logits (1, C)."""
        return make_score_function(bundle, request.target, logits, params, self.find_activation(bundle))

    def encode(self, bundle: Bundle, request: ValidRequest, run: Run) -> Problem:
        def make(outputs: Sequence[Any], params: ScoreParams) -> ScoreFunction:
            return self.make_score_function(bundle, request, read_class_logits(bundle, outputs[0]), params)

        return make_text_problem(bundle, request, run, [encode(bundle, self.texts(request))], make)

    def predict(self, bundle: Bundle, request: ValidRequest) -> Prediction:
        activation, encoded = self.find_activation(bundle), encode(bundle, self.texts(request))
        with fence_forward(bundle.card.label), torch.no_grad():
            return make_prediction(bundle, read_class_logits(bundle, bundle.model(**encoded.inputs)), activation)

    def make_answer_check(self, bundle: Bundle, request: ValidRequest, run: Run, place: int | None) -> AnswerCheck:
        activation = self.find_activation(bundle)
        if activation == "none":
            raise Incompatible(f"{bundle.card.label} outputs a number and no label, so there is no label to attack.")

        def judge(outputs: Sequence[Any]) -> Judgement:
            prediction = make_prediction(bundle, read_class_logits(bundle, outputs[0]), activation)
            return judge_label(prediction, request.target, activation == "sigmoid")

        return AnswerCheck((encode(bundle, self.texts(request)),), judge)


def make_prediction(bundle: Bundle, logits: Tensor, activation: Activation) -> Prediction:
    """Return every label with its probability, best first, from logits (1, C)."""
    probabilities = compute_probabilities(logits[0], activation).tolist()  # (C,)
    labels = enumerate(read_labels(bundle.model, len(probabilities)))
    return rank_targets(Target(label, index, probability=probabilities[index]) for index, label in labels)


def make_score_function(
    bundle: Bundle, wanted: Target, logits: Tensor, params: ScoreParams, activation: Activation, most: int = 1
) -> ScoreFunction:
    """Return the score of the wanted class, or else of the `most` probable, from logits (1, C)."""
    prediction = make_prediction(bundle, logits, activation)
    if is_unspecified(wanted):
        targets, foil = prediction.targets[:most], None
    else:
        target, foil = resolve_target(wanted, prediction)
        targets = (target,)

    def read(outputs: Sequence[Any]) -> Tensor:
        logits = outputs[0].logits  # (B, C)
        scores = [compute_score(logits, target.index or 0, params.unit, activation, foil) for target in targets]
        return torch.stack(scores, dim=1)  # (B, T)

    return ScoreFunction(targets, prediction, name_unit(params.unit, activation, foil), read)


def judge_label(prediction: Prediction, wanted: Target, multi_label: bool) -> Judgement:
    """Compare the predicted labels with the wanted one, by default the most probable.

    With `multi_label` the predicted labels are those from THRESHOLD on; without, the most probable one.
    """
    target, _ = resolve_target(Target(wanted.label, wanted.index), prediction)
    predicted = [prediction.targets[0]]
    if multi_label:
        predicted = [label for label in prediction.targets if (label.probability or 0.0) >= THRESHOLD]
    met = any(label.index == target.index for label in predicted)
    says = ", ".join(str(label.label) for label in predicted) or "none of its labels"
    unique = sum(label.label == target.label for label in prediction.targets) == 1
    return Judgement(Target(target.label, None if unique else target.index), says, target.probability or 0.0, met)


def resolve_target(wanted: Target, prediction: Prediction) -> tuple[Target, int | None]:
    """Return the wanted class, by default the predicted one, and the index of the class that it is compared with."""
    target = prediction.targets[0]
    if wanted.label is not None or wanted.index is not None:
        target = _find_class(prediction, wanted.label, wanted.index)
    if wanted.foil is None:
        return target, None
    foil = _find_class(prediction, wanted.foil, None)
    if foil.index == target.index:
        raise BadRequest(f"{target.label} cannot be compared with itself. Choose another label to compare with.")
    return Target(target.label, target.index, foil=foil.label, probability=target.probability), foil.index


def _find_class(prediction: Prediction, label: str | None, index: int | None) -> Target:
    """Return the class with this index, or else with this label; a label matches in any case if none is equal."""
    for matches in (
        lambda target: target.label == label if index is None else target.index == index,
        lambda target: index is None and str(target.label).casefold() == str(label).casefold(),
    ):
        if found := list(filter(matches, prediction.targets)):
            if len(found) > 1:
                indices = ", ".join(str(i) for i in sorted(target.index or 0 for target in found))
                raise BadRequest(f"Several classes have the name {label!r}. Give the index of one: {indices}.")
            return found[0]
    labels = ", ".join(sorted(str(target.label) for target in prediction.targets)[:30])
    raise BadRequest(f"There is no label {str(label if index is None else index)[:60]!r} here. The labels: {labels}.")
