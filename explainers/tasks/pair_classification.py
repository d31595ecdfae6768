"""Pair classification: the model assigns a label, or a number, to the relation of two texts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from torch import Tensor

from ..models.loading import Bundle
from ..problem import Problem
from ..progress import Run
from ..registry import list_params, read_params
from ..request import Request, Target
from ..results.explanation import Prediction
from ._outputs import read_class_logits
from ._scores import ScoreFunction, find_activation
from ._sequence_classification import make_answer_check, make_score_function, predict_texts
from ._text_problem import make_text_problem
from .answer_check import AnswerCheck, Attackable
from .base import Example, Field
from .tokenization import ScoreParams, encode


@dataclass(frozen=True, kw_only=True)
class DirectionParams:
    """The setting of a model with a single output."""

    towards: Annotated[
        Literal["1", "0"],
        "For a model with a single output, such as a similarity: explain what raises it (1) or what lowers it (0).",
    ] = "1"


class PairClassification(Attackable):
    """Which words of the two texts made the model choose this label for the pair?"""

    key = "pair_classification"
    label = "Pair classification"
    question = "Which words of the two texts made the model choose this label for the pair?"
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
    params = (*list_params(ScoreParams), *list_params(DirectionParams))

    def encode(self, bundle: Bundle, request: Request, run: Run) -> Problem:
        config, towards = bundle.model.config, read_params(DirectionParams, request.options).towards
        activation, flipped = find_activation(config), towards == "0" and config.num_labels == 1

        def make(outputs: Sequence[Any], params: ScoreParams) -> ScoreFunction:
            function = make_score_function(
                bundle, request.target, read_class_logits(bundle, outputs[0]), params, activation
            )
            return flip_score_function(function) if flipped else function

        return make_text_problem(bundle, request, run, [encode(bundle, self.texts(request))], make)

    def predict(self, bundle: Bundle, request: Request) -> Prediction:
        return predict_texts(bundle, self.texts(request), find_activation(bundle.model.config))

    def make_answer_check(self, bundle: Bundle, request: Request, run: Run, place: int | None = None) -> AnswerCheck:
        return make_answer_check(bundle, request.target, self.texts(request), find_activation(bundle.model.config))


def flip_score_function(function: ScoreFunction) -> ScoreFunction:
    """Turn the score of a single output around: 1 - p for a probability p, and -x for any other score x."""
    whole = 1.0 if function.unit == "probability" else 0.0
    (target,) = function.targets

    def read(outputs: Sequence[Any]) -> Tensor:
        return whole - function.read(outputs)  # (B, 1)

    return replace(function, targets=(_flip_target(target, function.unit),), read=read)


def _flip_target(target: Target, unit: str) -> Target:
    number = target.probability or 0.0
    if unit == "score":
        return replace(target, label=f"less {target.label}", probability=-number)
    return replace(target, label=f"not {target.label}", probability=1 - number)
