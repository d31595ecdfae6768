"""Pair classification: two texts, and what the model says about how they stand to each other.

Knows no method and no page.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from torch import Tensor

from ..models.loading import Bundle
from ..problem import Problem
from ..progress import Run
from ..registry import params_of, read_params
from ..request import Request, Target
from ..results.explanation import Prediction
from ._scores import ScoreFunction, find_activation
from ._sequence_classification import make_answer_check, make_score_function, predict_texts
from ._text_problem import make_text_problem
from .answer_check import AnswerCheck, Attackable
from .base import Example, Field
from .tokenization import ScoreParams, encode


@dataclass(frozen=True, kw_only=True)
class DirectionParams:
    """Which end of its only number a model is explained towards, if it has but one."""

    towards: Annotated[
        Literal["1", "0"],
        "For a model with one number alone, such as a similarity: explain what raises it (1) or what lowers it (0).",
    ] = "1"


class PairClassification(Attackable):
    """Which words of two texts made the model judge the pair as it does?"""

    key = "pair_classification"
    label = "Pair classification"
    question = "Which words of the two texts made the model judge them as it does?"
    fields = (Field("text_a", "First text", "Type a sentence."), Field("text_b", "Second text", "Type another one."))
    editable = ("text_a", "text_b")
    subject = "prediction"
    examples = tuple(
        Example(label, (("text_a", one), ("text_b", other)))
        for label, one, other in (
            ("It follows", "A woman in a red coat is feeding pigeons in the square.", "A woman is outdoors."),
            ("Contradiction", "All the shops in our street close at six.", "You can buy bread here at midnight."),
            ("Neither", "Two boys are running along the beach.", "The boys are late for dinner."),
            ("Same words, other meaning", "The dog chased the postman.", "The postman chased the dog."),
            ("Other words, same meaning", "Nobody failed the exam.", "Every student passed the test."),
            ("Cat logic", "My cat has never once obeyed me.", "My cat always does what I say, if it is asleep."),
        )
    )
    params = (*params_of(ScoreParams), *params_of(DirectionParams))

    def encode(self, bundle: Bundle, request: Request, run: Run) -> Problem:
        texts = self.texts(request)
        opposite = read_params(DirectionParams, request.options).towards == "0" and bundle.model.config.num_labels == 1

        def ask(outputs: Sequence[Any], reading: ScoreParams) -> ScoreFunction:
            kind = find_activation(bundle.model.config)
            said = make_score_function(bundle, request.target, outputs[0].logits, reading, kind)
            return flip_score_function(said) if opposite else said

        return make_text_problem(bundle, request, run, [encode(bundle, texts)], ask)

    def predict(self, bundle: Bundle, request: Request) -> Prediction:
        texts = self.texts(request)
        return predict_texts(bundle, texts, find_activation(bundle.model.config))

    def make_answer_check(self, bundle: Bundle, request: Request, run: Run, place: int | None = None) -> AnswerCheck:
        texts = self.texts(request)
        return make_answer_check(bundle, request.target, texts, find_activation(bundle.model.config))


def flip_score_function(readout: ScoreFunction) -> ScoreFunction:
    """The readout of a model's only number, towards its other end: the probability that it is not so, or less of it."""
    whole = 1.0 if readout.unit == "probability" else 0.0
    (target,) = readout.targets

    def read(outputs: Sequence[Any]) -> Tensor:
        return whole - readout.read(outputs)  # (B, 1)

    return replace(readout, targets=(_flip_target(target, readout.unit),), read=read)


def _flip_target(target: Target, unit: str) -> Target:
    number = target.probability or 0.0
    if unit == "score":
        return replace(target, label=f"less {target.label}", probability=-number)
    return replace(target, label=f"not {target.label}", probability=1 - number)
