"""How an attack changed a text, and what the model said at every step: Edit, Step, Attack."""

from dataclasses import dataclass, replace

from ..request import Pairs, Request, Target
from .explanation import Prediction


@dataclass(frozen=True)
class Edit:
    """One word changed: the `position`-th, `old`, at `start` to `end` of the text that the attack began with.

    `new` stands there now, empty if the word was dropped. `score` is what the attack chose it by, without running the
    model: the change in log-odds that its gradient promised, or the length of that gradient for a word dropped.
    """

    position: int
    old: str
    new: str
    score: float
    start: int
    end: int


@dataclass(frozen=True)
class Step:
    """A text on an attack's way, the `edits` that led to it, and what the model says of it.

    `probability` is that of what is attacked, or of what is wanted if something is.
    """

    text: str
    edits: tuple[Edit, ...]
    says: str
    probability: float


@dataclass(frozen=True)
class Attack:
    """What an attack on the input `field` came to; `success` says whether it did what it set out to do, `reason` why.

    `attacked` is what the model said at first, `wanted` what it was to say instead, None for anything else. The
    `trajectory` begins with the text as it was given; `minimal` are all the shortest texts that were found, each with
    its edits from there. `before` and `after` are what the model says of the first text and of the last;
    `evaluations` counts (forward, backward) passes of one input each.
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
        """The text that the attack began with, and the one that it ended with."""
        return self.trajectory[0].text, self.trajectory[-1].text

    @property
    def changed(self) -> Request:
        """The question about the changed text: what the model says of it, explained."""
        return with_text(self.request, self.field, self.trajectory[-1].text)


def with_text(request: Request, field: str, text: str) -> Request:
    """The same request with another text in one of its fields, about whatever the model says."""
    return replace(request, inputs=dict(request.inputs) | {field: text}, target=Target())
