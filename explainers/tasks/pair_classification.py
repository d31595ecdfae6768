"""Pair classification: the model assigns a label, or a number, to the relation of two texts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from torch import Tensor

from ..models.loading import Bundle
from ..registry import list_params
from ..request import Target, ValidRequest
from ._scores import ScoreFunction
from ._sequence_classification import SequenceClassification
from .base import Example, Field
from .tokenization import ScoreParams


@dataclass(frozen=True, kw_only=True)
class DirectionParams:
    """The setting of a model with a single output."""

    towards: Annotated[
        Literal["1", "0"],
        "For a model with a single output, such as a similarity: explain what raises it (1) or what lowers it (0).",
    ] = "1"


class PairClassification(SequenceClassification):
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

    def make_score_function(
        self, bundle: Bundle, request: ValidRequest, logits: Tensor, params: ScoreParams
    ) -> ScoreFunction:
        function = super().make_score_function(bundle, request, logits, params)
        flipped = request.read(DirectionParams).towards == "0" and bundle.model.config.num_labels == 1
        return flip_score_function(function) if flipped else function


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
