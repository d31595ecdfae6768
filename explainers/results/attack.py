"""How an attack changed a text, and what the model predicted after every step: Edit, Step, Attack."""

from dataclasses import dataclass, replace
from typing import TypeVar

from ..request import Pairs, Request, Target
from .explanation import Prediction

R = TypeVar("R", bound=Request)


@dataclass(frozen=True)
class Edit:
    """One word changed: word number `position`, `old`, at characters `start` to `end` of the original text.

    `new` is empty if the word was dropped. `score` is the first-order estimate that ranked the edit, computed without
    running the model on the edited text: the change in log-odds, or the gradient norm of a dropped word.
    """

    position: int
    old: str
    new: str
    score: float
    start: int
    end: int


@dataclass(frozen=True)
class Step:
    """A text on the path of an attack, the `edits` since the step before, and the predicted `label`.

    `probability` is that of the attacked label, or of the wanted label if there is one.
    """

    text: str
    edits: tuple[Edit, ...]
    label: str
    probability: float


@dataclass(frozen=True)
class Attack:
    """The result of an attack on the input `field`: whether it reached its goal (`success`), and why (`reason`).

    `attacked` is the first prediction and `wanted` the label to reach, None for any other. The `trajectory` begins
    with the original text; `minimal` holds all shortest texts, each with its edits of the original.
    `before` and `after` are the predictions for the first and the last text; `evaluations` counts (forward, backward)
    passes of one input each.
    """

    request: Request
    key: str
    field: str
    attacked: Target
    wanted: Target | None
    before: Prediction
    after: Prediction
    success: bool
    reason: str
    trajectory: tuple[Step, ...]
    minimal: tuple[Step, ...] = ()
    protected: str = ""
    params: Pairs = ()
    evaluations: tuple[int, int] = (0, 0)
    seconds: float = 0.0

    @property
    def edits(self) -> tuple[Edit, ...]:
        """All edits, in the order in which they were made."""
        return tuple(edit for step in self.trajectory for edit in step.edits)

    @property
    def texts(self) -> tuple[str, str]:
        """The original text and the last one."""
        return self.trajectory[0].text, self.trajectory[-1].text

    @property
    def changed_request(self) -> Request:
        """The request with the last text, about the predicted label."""
        return with_text(self.request, self.field, self.trajectory[-1].text)


def with_text(request: R, field: str, text: str) -> R:
    """Return the request with another text in one of its fields, about the predicted label."""
    return replace(request, inputs=dict(request.inputs) | {field: text}, target=Target())
