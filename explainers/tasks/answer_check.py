"""Plain forward passes over many texts at once, and what each says of the one thing that an attack is about.

Knows no attack and no method; what counts as an answer is each task's to say.
"""

from abc import abstractmethod
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from ..models.loading import Bundle
from ..progress import Run
from ..request import Request, Target
from .base import Task
from .tokenization import Encoded

THRESHOLD = 0.5  # from here on a label that is judged by itself counts as found


@dataclass(frozen=True)
class Judgement:
    """What the model says of a text: `met` if that is the `target` asked about, whose probability is given.

    `target` is written so that a Request asks for it again; `says` is the answer in words. `fixed` are stretches of
    the text (start, end) that the answer is about, so that no attack may touch them.
    """

    target: Target
    says: str
    probability: float
    met: bool
    fixed: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, eq=False)
class AnswerCheck:
    """A request as the model gets it, one sequence or several, and what to make of the outputs, one a sequence.

    `together` is the most sequences that are run at once.
    """

    encodings: tuple[Encoded, ...]
    judge: Callable[[Sequence[Any]], Judgement]
    together: int = 64


class Attackable(Task):
    """A task whose answer an attack can be about. `editable` are the fields that it may change.

    `subject` says what is attacked: whatever the model `said`, what it says `there`, at the place that was asked about,
    or what was `asked` about itself, which must be true at first.
    """

    editable: ClassVar[tuple[str, ...]]
    subject: ClassVar[Literal["prediction", "position", "target"]]

    @abstractmethod
    def make_answer_check(self, bundle: Bundle, request: Request, run: Run, place: int | None = None) -> AnswerCheck:
        """How the model answers the request, read at the character `place` if its target stands somewhere."""


def judge_all(bundle: Bundle, hearings: Sequence[AnswerCheck], run: Run) -> list[Judgement]:
    """The verdict of each hearing: sequences of one length go through the model together, with nothing padded."""
    outputs: dict[tuple[int, int], Any] = {}
    batches = list(_group_by_length(bundle, hearings))
    run.expect(sum(map(len, batches)))
    for places in batches:
        encodings = [hearings[i].encodings[j] for i, j in places]
        outputs.update(zip(places, _run_together(bundle, encodings), strict=True))
        run.spend(len(places))
    return [hearing.judge([outputs[i, j] for j in range(len(hearing.encodings))]) for i, hearing in enumerate(hearings)]


def _group_by_length(bundle: Bundle, hearings: Sequence[AnswerCheck]) -> list[list[tuple[int, int]]]:
    """Which sequence of which hearing is run with which others."""
    alike: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    for i, hearing in enumerate(hearings):
        for j, encoded in enumerate(hearing.encodings):
            alike[len(encoded.features)].append((i, j))
    most = min((hearing.together for hearing in hearings), default=1)
    sizes = {length: min(most, bundle.embeddings.batch(length)) for length in alike}
    return [
        places[first : first + sizes[length]]
        for length, places in alike.items()
        for first in range(0, len(places), sizes[length])
    ]


@torch.no_grad()
def _run_together(bundle: Bundle, encodings: Sequence[Encoded]) -> list[Any]:
    """The model's output for each of several sequences of one length, as if it had been alone."""
    names = encodings[0].inputs
    together = bundle.model(**{name: torch.cat([encoded.inputs[name] for encoded in encodings]) for name in names})
    tensors = {name: value for name, value in together.items() if isinstance(value, Tensor)}
    return [
        type(together)(**{name: value[i : i + 1] for name, value in tensors.items()}) for i in range(len(encodings))
    ]
