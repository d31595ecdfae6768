"""Zero-shot classification: a model of natural language inference chooses among labels that the user types."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..models.loading import Bundle
from ..problem import Problem
from ..progress import Run
from ..registry import list_params
from ..request import Target, ValidRequest
from ..results.explanation import Prediction
from ._nli_hypotheses import NliClasses, NliParams, check_length, find_classes, make_hypotheses, parse_labels
from ._outputs import read_class_logits
from ._scores import ScoreFunction, name_unit
from ._sequence_classification import judge_label, resolve_target
from ._text_problem import make_text_problem
from .answer_check import AnswerCheck, Attackable, Judgement
from .base import Example, Field, is_unspecified
from .tokenization import Encoded, ScoreParams, encode


@dataclass(frozen=True)
class EncodedRequest:
    """A request's text, its N labels, their hypotheses by field, and the N encoded pairs of text and hypothesis."""

    bundle: Bundle
    text: str
    labels: tuple[str, ...]
    hypotheses: dict[str, str]
    encodings: tuple[Encoded, ...]
    classes: NliClasses
    show_hypotheses: bool

    def stack_logits(self, outputs: Sequence[Any]) -> Tensor:
        """Return the logits of N outputs as (B, N, C)."""
        logits = torch.stack([output.logits for output in outputs], dim=1)
        self.classes.check_head(logits.shape[-1])
        return logits

    def make_prediction(self, outputs: Sequence[Any]) -> Prediction:
        """Return every label with its probability, best first."""
        for output in outputs:
            read_class_logits(self.bundle, output)
        return self.classes.make_prediction(self.stack_logits(outputs), self.labels)


class ZeroShotClassification(Attackable):
    """Which words made the model choose this one of your labels?"""

    key = "zero_shot_classification"
    label = "Zero-shot classification"
    question = "Which words made the model choose this one of your labels?"
    fields = (
        Field("text", "Text", "Type a sentence."),
        Field("labels", "List of labels", "Type some labels, separated by commas.", "labels"),
        Field(
            "template",
            "Sentence for each label",
            "Type a sentence with {} for the label.",
            "line",
            "This example is {}.",
        ),
    )
    editable = ("text",)
    subject = "prediction"
    examples = tuple(
        Example(label, (("text", text), ("labels", labels)))
        for label, text, labels in (
            ("A new law", "Parliament passed the new law by three votes.", "politics, sport, cooking"),
            ("A recipe", "Simmer the onions slowly in butter.", "cooking, travel, finance"),
            ("A complaint", "I complained twice and the heating is still broken.", "complaint, praise, question"),
            ("Two at once", "The minister scored twice against her old club.", "sport, politics, weather"),
            ("No label fits", "Seven purple umbrellas hummed in the fridge.", "sport, politics, cooking"),
            ("Not about food", "He cooked the books for years.", "cooking, crime, literature"),
        )
    )
    choices = foils = "predictions"
    params = (*list_params(ScoreParams), *list_params(NliParams))

    def encode(self, bundle: Bundle, request: ValidRequest, run: Run) -> Problem:
        encoded = self._encode(bundle, request)
        shown = encoded.show_hypotheses
        return make_text_problem(
            bundle,
            request,
            run,
            encoded.encodings,
            lambda outputs, params: _make_score_function(encoded, request.target, outputs, params),
            fixed_fields=() if shown else encoded.hypotheses,
            texts=(("text", encoded.text), *(encoded.hypotheses.items() if shown else ())),
        )

    def predict(self, bundle: Bundle, request: ValidRequest) -> Prediction:
        encoded = self._encode(bundle, request)
        with torch.no_grad():
            return encoded.make_prediction([bundle.model(**pair.inputs) for pair in encoded.encodings])

    def make_answer_check(self, bundle: Bundle, request: ValidRequest, run: Run, place: int | None) -> AnswerCheck:
        encoded = self._encode(bundle, request)

        def judge(outputs: Sequence[Any]) -> Judgement:
            return judge_label(encoded.make_prediction(outputs), request.target, encoded.classes.multi_label)

        return AnswerCheck(encoded.encodings, judge)

    def _encode(self, bundle: Bundle, request: ValidRequest) -> EncodedRequest:
        texts = self.texts(request)
        params = request.read(NliParams)
        labels = parse_labels(texts["labels"])
        hypotheses = make_hypotheses(labels, texts["template"])
        classes = find_classes(bundle, params, len(labels))
        check_length(bundle, hypotheses)
        encodings = tuple(
            encode(bundle, {"text": texts["text"], field: sentence}, "only_first")
            for field, sentence in hypotheses.items()
        )
        return EncodedRequest(
            bundle, texts["text"], labels, hypotheses, encodings, classes, params.hypothesis == "shown"
        )


def _make_score_function(
    encoded: EncodedRequest, wanted: Target, outputs: Sequence[Any], params: ScoreParams
) -> ScoreFunction:
    """Return the score of the wanted label, or else of all labels, the most probable first."""
    prediction, foil = encoded.make_prediction(outputs), None
    targets = prediction.targets
    if not is_unspecified(wanted):
        target, foil = resolve_target(wanted, prediction)
        targets = (target,)

    def read(outputs: Sequence[Any]) -> Tensor:
        logits = encoded.stack_logits(outputs)  # (B, N, C)
        scores = [encoded.classes.compute_score(logits, target.index or 0, params.unit, foil) for target in targets]
        return torch.stack(scores, dim=1)  # (B, T)

    alone = encoded.classes.multi_label and foil is None
    return ScoreFunction(
        targets=targets,
        prediction=prediction,
        unit=name_unit(params.unit, "softmax", foil),
        read=read,
        alone=tuple(target.index or 0 for target in targets) if alone else (),
    )
