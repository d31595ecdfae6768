"""Zero-shot classification: one text, and labels that a person types.

Knows no method and no page.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..models.loading import Bundle
from ..problem import Problem
from ..progress import Run
from ..registry import params_of, read_params
from ..request import Request
from ..results.explanation import Prediction
from ._nli_hypotheses import NliClasses, NliParams, check_length, find_classes, make_hypotheses, parse_labels
from ._scores import ScoreFunction, name_unit
from ._sequence_classification import judge_label, resolve_target
from ._text_problem import make_text_problem
from .answer_check import AnswerCheck, Attackable, Judgement
from .base import Example, Field, is_unspecified
from .tokenization import Encoded, ScoreParams, encode


@dataclass(frozen=True)
class EncodedRequest:
    """A request as a model gets it: the text, N labels, their sentences by field, and N encoded pairs."""

    text: str
    names: tuple[str, ...]
    hypotheses: dict[str, str]
    encodings: tuple[Encoded, ...]
    judging: NliParams
    verdicts: NliClasses

    def logits(self, outputs: Sequence[Any]) -> Tensor:
        """The outputs for N sentences as (B, N, C)."""
        return torch.stack([output.logits for output in outputs], dim=1)

    def prediction(self, outputs: Sequence[Any]) -> Prediction:
        """Every label with its probability, best first."""
        return self.verdicts.prediction(self.logits(outputs), self.names)


class ZeroShotClassification(Attackable):
    """Which words made the model choose this one of my own labels?"""

    key = "zero_shot_classification"
    label = "Zero-shot classification"
    question = "Which words made the model choose this one of your own labels?"
    fields = (
        Field("text", "Text", "Type a sentence."),
        Field("labels", "List of labels", "Type some labels, with commas between them.", "labels"),
        Field("template", "Sentence made of a label", "Type a sentence with {} in it.", "line", "This example is {}."),
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
    choices = "predictions"
    foils = "predictions"
    params = (*params_of(ScoreParams), *params_of(NliParams))

    def encode(self, bundle: Bundle, request: Request, run: Run) -> Problem:
        case = self._case(bundle, request)
        shown = case.judging.hypothesis == "shown"

        def ask(outputs: Sequence[Any], reading: ScoreParams) -> ScoreFunction:
            return _make_score_function(case, request, outputs, reading)

        return make_text_problem(
            bundle,
            request,
            run,
            case.encodings,
            ask,
            held=() if shown else case.hypotheses,
            texts=(("text", case.text), *(case.hypotheses.items() if shown else ())),
        )

    def predict(self, bundle: Bundle, request: Request) -> Prediction:
        case = self._case(bundle, request)
        with torch.no_grad():
            return case.prediction([bundle.model(**encoded.inputs) for encoded in case.encodings])

    def make_answer_check(self, bundle: Bundle, request: Request, run: Run, place: int | None = None) -> AnswerCheck:
        case = self._case(bundle, request)

        def judge(outputs: Sequence[Any]) -> Judgement:
            return judge_label(case.prediction(outputs), request.target, case.verdicts.alone)

        return AnswerCheck(case.encodings, judge)

    def _case(self, bundle: Bundle, request: Request) -> EncodedRequest:
        texts = self.texts(request)
        judging = read_params(NliParams, request.options)
        names = parse_labels(texts["labels"])
        hypotheses = make_hypotheses(names, texts["template"])
        judged = find_classes(bundle, judging, len(names))
        check_length(bundle, hypotheses)
        encodings = tuple(
            encode(bundle, {"text": texts["text"], field: sentence}, "only_first")
            for field, sentence in hypotheses.items()
        )
        return EncodedRequest(texts["text"], names, hypotheses, encodings, judging, judged)


def _make_score_function(
    case: EncodedRequest, request: Request, outputs: Sequence[Any], reading: ScoreParams
) -> ScoreFunction:
    """The numbers of the label that is asked for, or else of all, the most probable first."""
    said, foil = case.prediction(outputs), None
    targets = said.targets
    if not is_unspecified(request.target):
        target, foil = resolve_target(request.target, said)
        targets = (target,)

    def read(outputs: Sequence[Any]) -> Tensor:
        logits = case.logits(outputs)  # (B, N, C)
        numbers = [case.verdicts.number(logits, target.index or 0, reading.unit, foil) for target in targets]
        return torch.stack(numbers, dim=1)  # (B, T)

    alone = case.verdicts.alone and foil is None
    return ScoreFunction(
        targets=targets,
        prediction=said,
        unit=name_unit(reading.unit, "softmax", foil),
        read=read,
        alone=tuple(target.index or 0 for target in targets) if alone else (),
    )
