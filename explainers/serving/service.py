"""Run explanations, attacks and evaluations in one queue; cache results, and compute equal requests only once."""

import pickle
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, TypeVar

import torch

from ..engine import canonicalize, evaluate, explain
from ..progress import Progress, hold_lock, quiet
from ..request import Request
from ..results.explanation import Explanation, Pixels
from ..results.faithfulness import Faithfulness
from ..settings import Settings, settings
from .queue import RequestQueue

FEATURE_BYTES = 400  # memory of one Feature
Answer = TypeVar("Answer")


@dataclass
class _Flight:
    """A question that the holder of the lock is computing, and its answer for those who wait."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    people: int = 0
    answer: Any = None


class ResultCache:
    """Least-recently-used cache of answers, at most `most` bytes."""

    def __init__(self, most: int) -> None:
        self._most, self._bytes = most, 0
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()
        self._guard = threading.Lock()

    def get(self, question: Hashable) -> Any:
        """Return the cached answer, else None."""
        with self._guard:
            if question in self._kept:
                self._kept.move_to_end(question)
            return self._kept.get(question)

    def put(self, question: Hashable, answer: Any) -> None:
        """Cache the answer and evict the oldest until all fit; an answer larger than the cache is not kept."""
        with self._guard:
            if question in self._kept or estimate_bytes(answer) > self._most:
                return
            self._kept[question] = answer
            self._bytes += estimate_bytes(answer)
            while self._bytes > self._most:
                self._bytes -= estimate_bytes(self._kept.popitem(last=False)[1])


def estimate_bytes(answer: Any) -> int:
    """Estimate the bytes that an answer takes."""
    if not isinstance(answer, Explanation):
        return len(pickle.dumps(answer))
    inputs = sum(4 * len(text) for text in answer.request.texts.values())
    inputs += sum(len(image.data) for image in answer.request.pictures.values())
    features = 0 if isinstance(answer.features, Pixels) else FEATURE_BYTES * len(answer.features)
    return int(answer.scores.nbytes + features + inputs)


class Service:
    """Computes explanations, attacks and evaluations in this process, a few at a time."""

    def __init__(self, limits: Settings) -> None:
        self._threads = limits.threads_each
        self._queue = RequestQueue(limits.slots, limits.waiting)
        self._results = ResultCache(limits.result_megabytes * 1_000_000)
        self._flights: dict[Hashable, _Flight] = {}
        self._guard = threading.Lock()

    def explain(self, request: Request, progress: Progress = quiet) -> Explanation:
        """Return the request's explanation, computed if it is not cached."""
        question = canonicalize(request)
        found = self.answer(question, lambda progress: explain(question, progress=progress), progress)
        return replace(found, request=request)

    def find_explanation(self, request: Request) -> Explanation | None:
        """Return the request's explanation if it is cached, else None."""
        found = self._results.get(canonicalize(request))
        return replace(found, request=request) if found else None

    def evaluate(self, explanation: Explanation, row: int, progress: Progress = quiet) -> Faithfulness:
        """Return the faithfulness of the scores of target `row`, computed if it is not cached."""
        question = _make_question(explanation, row)
        found = self.answer(question, lambda progress: evaluate(explanation, row=row, progress=progress), progress)
        return replace(found, request=explanation.request)

    def find_evaluation(self, explanation: Explanation, row: int) -> Faithfulness | None:
        """Return the faithfulness of the scores of target `row` if it is cached, else None."""
        found = self.find_answer(_make_question(explanation, row))
        return replace(found, request=explanation.request) if found else None

    def answer(self, question: Hashable, compute: Callable[[Progress], Answer], progress: Progress = quiet) -> Answer:
        """Return the answer to a question: cached, computed for another visitor meanwhile, or computed now.

        If the visitor who computes it leaves, the next who waits computes it instead.
        """
        if (found := self.find_answer(question)) is None:
            with self._flight(question, progress) as flight:
                found = flight.answer = (
                    self._results.get(question) or flight.answer or self._compute(question, compute, progress)
                )
        return found  # type: ignore[no-any-return]

    def find_answer(self, question: Hashable) -> Any:
        """Return the answer to a question if it is cached, else None."""
        return self._results.get(question)

    def _compute(self, question: Hashable, compute: Callable[[Progress], Answer], progress: Progress) -> Answer:
        with self._queue.enter(progress):
            torch.set_num_threads(self._threads)
            answer = compute(progress)
        self._results.put(question, answer)
        return answer

    @contextmanager
    def _flight(self, question: Hashable, progress: Progress) -> Iterator[_Flight]:
        with self._guard:
            flight = self._flights.setdefault(question, _Flight())
            flight.people += 1
        try:
            with hold_lock(flight.lock, progress, "Another visitor asked the same: waiting for that answer"):
                yield flight
        finally:
            with self._guard:
                flight.people -= 1
                if not flight.people:
                    self._flights.pop(question, None)


def _make_question(explanation: Explanation, row: int) -> Hashable:
    """Make the cache key of an evaluation."""
    return "evaluate", canonicalize(explanation.request), row


@cache
def service() -> Service:
    """Return the backend of this process."""
    return Service(settings())
