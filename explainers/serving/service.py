"""Where explanations, attacks and checks run: one gate for all visitors, one answer for equal questions, results kept.

Knows no page.
"""

import pickle
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, TypeVar

import torch

from ..data import Explanation, Pixels, Progress
from ..engine import canonical, evaluate, explain
from ..faithfulness import Faithfulness
from ..registry import patiently, quiet
from ..request import Request
from ..settings import Settings, settings
from .queue import RequestQueue

FEATURE_BYTES = 400  # of one Feature as Python keeps it
Answer = TypeVar("Answer")


@dataclass
class _Flight:
    """A question that somebody is answering: whoever holds the lock. The answer is for those who wait."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    people: int = 0
    answer: Any = None


class ResultCache:
    """Finished answers, at most `most` bytes of them, the least recently asked for leaving first."""

    def __init__(self, most: int) -> None:
        self._most, self._bytes = most, 0
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()
        self._guard = threading.Lock()

    def get(self, question: Hashable) -> Any:
        """The answer if it is kept, else None."""
        with self._guard:
            if question in self._kept:
                self._kept.move_to_end(question)
            return self._kept.get(question)

    def keep(self, question: Hashable, answer: Any) -> None:
        """Keep the answer, and let the oldest go until all fit; one that never would is not kept."""
        with self._guard:
            if question in self._kept or estimate_bytes(answer) > self._most:
                return
            self._kept[question] = answer
            self._bytes += estimate_bytes(answer)
            while self._bytes > self._most:
                self._bytes -= estimate_bytes(self._kept.popitem(last=False)[1])


def estimate_bytes(answer: Any) -> int:
    """About how many bytes an answer takes."""
    if not isinstance(answer, Explanation):
        return len(pickle.dumps(answer))
    inputs = sum(4 * len(text) for text in answer.request.texts.values())
    inputs += sum(len(image.data) for image in answer.request.pictures.values())
    features = 0 if isinstance(answer.features, Pixels) else FEATURE_BYTES * len(answer.features)
    return int(answer.scores.nbytes + features + inputs)


class Backend:
    """This process: explanations, attacks and checks in its threads, a few at a time."""

    def __init__(self, limits: Settings) -> None:
        self._threads = limits.threads_each
        self._queue = RequestQueue(limits.slots, limits.waiting)
        self._results = ResultCache(limits.result_megabytes * 1_000_000)
        self._flights: dict[Hashable, _Flight] = {}
        self._guard = threading.Lock()

    def explain(self, request: Request, progress: Progress = quiet) -> Explanation:
        """The request's explanation."""
        question = canonical(request)
        found = self.answer(question, lambda progress: explain(question, progress=progress), progress)
        return replace(found, request=request)

    def kept(self, request: Request) -> Explanation | None:
        """The request's explanation if it needs no work."""
        found = self._results.get(canonical(request))
        return replace(found, request=request) if found else None

    def evaluate(self, explanation: Explanation, row: int, progress: Progress = quiet) -> Faithfulness:
        """Whether the map of target `row` says what moves the model."""
        question = _check(explanation, row)
        found = self.answer(question, lambda progress: evaluate(explanation, row=row, progress=progress), progress)
        return replace(found, request=explanation.request)

    def checked(self, explanation: Explanation, row: int) -> Faithfulness | None:
        """The same if it needs no work."""
        found = self.known(_check(explanation, row))
        return replace(found, request=explanation.request) if found else None

    def answer(self, question: Hashable, compute: Callable[[Progress], Answer], progress: Progress = quiet) -> Answer:
        """The answer to a question: kept, or somebody else's who asked the same, or computed now.

        If the one who computes it leaves, the next who waits for it goes on in their place.
        """
        if (found := self.known(question)) is None:
            with self._flight(question, progress) as flight:
                found = flight.answer = (
                    self._results.get(question) or flight.answer or self._computed(question, compute, progress)
                )
        return found  # type: ignore[no-any-return]

    def known(self, question: Hashable) -> Any:
        """The answer to a question if it needs no work, else None."""
        return self._results.get(question)

    def _computed(self, question: Hashable, compute: Callable[[Progress], Answer], progress: Progress) -> Answer:
        with self._queue.enter(progress):
            torch.set_num_threads(self._threads)
            answer = compute(progress)
        self._results.keep(question, answer)
        return answer

    @contextmanager
    def _flight(self, question: Hashable, progress: Progress) -> Iterator[_Flight]:
        with self._guard:
            flight = self._flights.setdefault(question, _Flight())
            flight.people += 1
        try:
            with patiently(flight.lock, progress, "Somebody asked the same a moment ago: waiting for that answer"):
                yield flight
        finally:
            with self._guard:
                flight.people -= 1
                if not flight.people:
                    self._flights.pop(question, None)


def _check(explanation: Explanation, row: int) -> Hashable:
    """The question whether a map is true to its model."""
    return "evaluate", canonical(explanation.request), row


@cache
def backend() -> Backend:
    """The backend of this process."""
    return Backend(settings())
