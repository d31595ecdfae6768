"""Task, the base class of the tasks: its input fields, examples and settings, and how it makes a Problem."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

from ..errors import BadRequest, LimitReached
from ..models.loading import Bundle
from ..problem import Problem
from ..progress import Run
from ..registry import Param, list_params
from ..request import Picture, Request, Target, ValidRequest
from ..results.explanation import Kind, Prediction
from ..settings import settings
from .tokenization import ScoreParams


@dataclass(frozen=True)
class Field:
    """One input of a task: its name in a Request, and how a form asks for it.

    A `text` may be long, a `line` is short, `labels` are separated by commas, an `image` is a Picture.
    """

    name: str
    label: str
    placeholder: str
    kind: Literal["text", "line", "labels", "image"] = "text"
    default: str = ""
    optional: bool = False  # may be empty
    blank: bool = False  # may be empty if it is given
    aside: bool = False  # shown among the advanced inputs


@dataclass(frozen=True)
class Example:
    """Inputs that fill the form with one click, under a short name."""

    label: str
    inputs: tuple[tuple[str, str | Picture], ...]


class Task(ABC):
    """A task. Subclasses define the class variables and the abstract methods, and override nothing else."""

    key: ClassVar[str]
    label: ClassVar[str]
    question: ClassVar[str]  # that its page answers
    kind: ClassVar[Kind] = "text"  # of its explanations
    fields: ClassVar[tuple[Field, ...]]
    examples: ClassVar[tuple[Example, ...]]
    choices: ClassVar[Literal["labels", "predictions", "all"]] = "labels"  # from which the target is chosen
    foils: ClassVar[Literal["labels", "predictions", "text"]] = "labels"  # from which the contrast is chosen
    auto_class: ClassVar[str] = "AutoModelForSequenceClassification"  # of transformers; loads the models of the task
    method: ClassVar[str] = Request.method  # the default of its page
    params: ClassVar[tuple[Param, ...]] = list_params(ScoreParams)

    @abstractmethod
    def encode(self, bundle: Bundle, request: ValidRequest, run: Run) -> Problem:
        """Make the Problem of a request on the bundle's model. The caller holds the model's lock."""

    @abstractmethod
    def predict(self, bundle: Bundle, request: ValidRequest) -> Prediction:
        """Return the model's prediction without an explanation. The caller holds the model's lock."""

    def texts(self, request: ValidRequest) -> dict[str, str]:
        """Return the request's texts by field, or the fields' defaults. Raises for a text that is empty or too long."""
        most, given = settings().text_characters, request.texts
        texts = {field.name: given.get(field.name, field.default) for field in self.fields}
        for field in self.fields:
            if field.name in request.pictures:
                raise BadRequest(f"{field.label} is an image or bytes, and must be a text. Decode it first.")
            if not texts[field.name].strip() and not (field.optional or (field.blank and field.name in given)):
                raise BadRequest(f"{field.label} is empty. {field.placeholder}")
            if (length := len(texts[field.name])) > most:
                raise LimitReached(
                    f"{field.label} has {length:,} characters, and at most {most:,} are allowed here. Shorten it."
                )
        return texts


def is_unspecified(target: Target) -> bool:
    """Return True if a request names neither a class nor a contrast, so that the task chooses what is explained."""
    return target.label is None and target.index is None and target.foil is None
