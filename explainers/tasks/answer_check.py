"""Attackable tasks, and checks of the model's answers to many texts in batched forward passes."""

from abc import abstractmethod
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from ..models.loading import Bundle
from ..progress import Run
from ..request import Target, ValidRequest
from .base import Task
from .tokenization import Encoded

THRESHOLD = 0.5  # the probability from which an independently judged label is predicted


@dataclass(frozen=True)
class Judgement:
    """The model's answer to a text, compared with the target that an attack is about.

    `target` is what a Request needs to ask for it again, `probability` the target's probability; `says` is the model's
    answer in words, and `met` is True if that is the target. `fixed` are the spans (start, end) of the text that the
    target refers to, which no attack may change.
    """

    target: Target
    says: str
    probability: float
    met: bool
    fixed: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, eq=False)
class AnswerCheck:
    """One or more encoded sequences of a request, and `judge`, which takes the model's output for each of them.

    At most `batch_size` sequences are run together.
    """

    encodings: tuple[Encoded, ...]
    judge: Callable[[Sequence[Any]], Judgement]
    batch_size: int = 64


class Attackable(Task):
    """A task whose answers can be attacked. `editable` are the fields that an attack may change.

    `subject` is what an attack is about: the model's `prediction`, its prediction at the requested `position`, or the
    requested `target`, which the model must predict before the attack.
    """

    editable: ClassVar[tuple[str, ...]]
    subject: ClassVar[Literal["prediction", "position", "target"]]

    @abstractmethod
    def make_answer_check(self, bundle: Bundle, request: ValidRequest, run: Run, place: int | None) -> AnswerCheck:
        """Make the check of the request's target, which begins at the character `place` if it has a position."""


def judge_all(bundle: Bundle, checks: Sequence[AnswerCheck], run: Run) -> list[Judgement]:
    """Return the judgement of each check. Sequences of equal length run together, so that none is padded."""
    outputs: dict[tuple[int, int], Any] = {}
    batches = list(_group_by_length(bundle, checks))
    run.expect(sum(map(len, batches)))
    for places in batches:
        encodings = [checks[i].encodings[j] for i, j in places]
        outputs.update(zip(places, _run_together(bundle, encodings), strict=True))
        run.spend(len(places))
    return [check.judge([outputs[i, j] for j in range(len(check.encodings))]) for i, check in enumerate(checks)]


def _group_by_length(bundle: Bundle, checks: Sequence[AnswerCheck]) -> list[list[tuple[int, int]]]:
    """Return batches of pairs: the index of a check, and that of one of its sequences."""
    by_length: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    for i, check in enumerate(checks):
        for j, encoded in enumerate(check.encodings):
            by_length[len(encoded.features)].append((i, j))
    limit = min((check.batch_size for check in checks), default=1)
    sizes = {length: min(limit, bundle.embeddings.batch(length)) for length in by_length}
    return [
        places[first : first + sizes[length]]
        for length, places in by_length.items()
        for first in range(0, len(places), sizes[length])
    ]


@torch.no_grad()
def _run_together(bundle: Bundle, encodings: Sequence[Encoded]) -> list[Any]:
    """Run sequences of equal length in one pass, and return the output of each with a batch size of 1."""
    names = encodings[0].inputs
    together = bundle.model(**{name: torch.cat([encoded.inputs[name] for encoded in encodings]) for name in names})
    tensors = {name: value for name, value in together.items() if isinstance(value, Tensor)}
    return [
        type(together)(**{name: value[i : i + 1] for name, value in tensors.items()}) for i in range(len(encodings))
    ]
