"""Task, the base class of the files in `tasks/`: its inputs, examples and settings, and how to make a Problem."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

from ..errors import BadRequest, LimitReached
from ..models.loading import Bundle
from ..problem import Problem
from ..progress import Run
from ..registry import Param, params_of
from ..request import Picture, Request, Target
from ..results.explanation import Kind, Prediction
from ..settings import settings
from .tokenization import ScoreParams


@dataclass(frozen=True)
class Field:
    """One thing that a person gives: its name in a Request, and how it is asked for.

    A `text` may be long, a `line` is short, `labels` is a list of them with commas, an `image` is a Picture.
    """

    name: str
    label: str
    placeholder: str
    kind: Literal["text", "line", "labels", "image"] = "text"
    default: str = ""  # of a field that may stay as it is
    optional: bool = False  # whether it may stay empty
    aside: bool = False  # whether it is asked for only by those who look for it


@dataclass(frozen=True)
class Example:
    """Inputs to click on, under a short name."""

    label: str
    inputs: tuple[tuple[str, str | Picture], ...]


class Task(ABC):
    """A task by its Hugging Face name. Subclasses say what differs, and override nothing that is written here."""

    key: ClassVar[str]
    label: ClassVar[str]
    question: ClassVar[str]  # what its page answers
    kind: ClassVar[Kind] = "text"  # of its explanations
    fields: ClassVar[tuple[Field, ...]]
    examples: ClassVar[tuple[Example, ...]]
    choices: ClassVar[Literal["labels", "predictions", "all"]] = (
        "labels"  # asked about: a class, what was said, or all of it
    )
    foils: ClassVar[Literal["labels", "predictions", "text"]] = "labels"  # what that can be compared with
    auto_class: ClassVar[str] = "AutoModelForSequenceClassification"  # of transformers; it loads the task's models
    method: ClassVar[str] = Request.method  # what its page begins with
    params: ClassVar[tuple[Param, ...]] = params_of(ScoreParams)

    @abstractmethod
    def encode(self, bundle: Bundle, request: Request, run: Run) -> Problem:
        """The request as a Problem on the bundle's model; the caller holds the model's lock."""

    @abstractmethod
    def predict(self, bundle: Bundle, request: Request) -> Prediction:
        """What the model says, with no explanation; the caller holds the model's lock."""

    def texts(self, request: Request) -> dict[str, str]:
        """The request's texts by field, the default where none is given. Raises for an empty or too long one."""
        most, given = settings().text_characters, request.texts
        texts = {field.name: given.get(field.name, field.default) for field in self.fields}
        for field in self.fields:
            if not texts[field.name].strip() and not field.optional:
                raise BadRequest(f"{field.label} is empty. {field.placeholder}")
            if (length := len(texts[field.name])) > most:
                raise LimitReached(
                    f"{field.label} has {length:,} characters, and at most {most:,} are allowed here. Shorten it."
                )
        return texts


def is_unspecified(target: Target) -> bool:
    """Return True if a request names neither a class nor a contrast, so that the task chooses what is explained."""
    return target.label is None and target.index is None and target.foil is None
