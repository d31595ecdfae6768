"""Run explanations, attacks and evaluations in one queue, cache results, and compute equal requests once."""

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
Result = TypeVar("Result")


@dataclass
class _Flight:
    """A computation in progress: the holder of the lock computes, and `users` count those who need its result."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    users: int = 0
    result: Any = None


class ResultCache:
    """A least-recently-used cache of results, at most `max_bytes` large."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes, self._bytes = max_bytes, 0
        self._results: OrderedDict[Hashable, Any] = OrderedDict()
        self._guard = threading.Lock()

    def get(self, key: Hashable) -> Any:
        """Return the cached result, or None."""
        with self._guard:
            if key in self._results:
                self._results.move_to_end(key)
            return self._results.get(key)

    def put(self, key: Hashable, result: Any) -> None:
        """Cache the result and evict the oldest until all fit; a result larger than the cache is not kept."""
        with self._guard:
            if key in self._results or estimate_bytes(result) > self._max_bytes:
                return
            self._results[key] = result
            self._bytes += estimate_bytes(result)
            while self._bytes > self._max_bytes:
                self._bytes -= estimate_bytes(self._results.popitem(last=False)[1])


def estimate_bytes(result: Any) -> int:
    """Estimate the memory of a result, in bytes."""
    if not isinstance(result, Explanation):
        return len(pickle.dumps(result))
    inputs = sum(4 * len(text) for text in result.request.texts.values())
    inputs += sum(len(image.data) for image in result.request.pictures.values())
    features = 0 if isinstance(result.features, Pixels) else FEATURE_BYTES * len(result.features)
    return int(result.scores.nbytes + features + inputs)


class Service:
    """Computes explanations, attacks and evaluations in this process, a few at a time."""

    def __init__(self, limits: Settings) -> None:
        self._threads = limits.threads_each
        self._queue = RequestQueue(limits.slots, limits.waiting)
        self._results = ResultCache(limits.result_megabytes * 1_000_000)
        self._flights: dict[Hashable, _Flight] = {}
        self._guard = threading.Lock()

    def explain(self, request: Request, progress: Progress = quiet) -> Explanation:
        """Return the request's explanation: from the cache, or computed."""
        key = canonicalize(request)
        explanation = self.answer(key, lambda progress: explain(key, progress=progress), progress)
        return replace(explanation, request=request)

    def find_explanation(self, request: Request) -> Explanation | None:
        """Return the request's explanation if it is cached, else None."""
        explanation = self.find_answer(canonicalize(request))
        return replace(explanation, request=request) if explanation else None

    def evaluate(self, explanation: Explanation, row: int, progress: Progress = quiet) -> Faithfulness:
        """Return the faithfulness of the scores of target `row`: from the cache, or computed."""
        key = _make_evaluation_key(explanation, row)
        faithfulness = self.answer(key, lambda progress: evaluate(explanation, row=row, progress=progress), progress)
        return replace(faithfulness, request=explanation.request)

    def find_evaluation(self, explanation: Explanation, row: int) -> Faithfulness | None:
        """Return the faithfulness of the scores of target `row` if it is cached, else None."""
        faithfulness = self.find_answer(_make_evaluation_key(explanation, row))
        return replace(faithfulness, request=explanation.request) if faithfulness else None

    def answer(self, key: Hashable, compute: Callable[[Progress], Result], progress: Progress = quiet) -> Result:
        """Return the result of `key`: from the cache, from another user's computation, or computed now.

        If the user who computes it leaves, the next one who waits computes it instead.
        """
        if (result := self.find_answer(key)) is None:
            with self._join_flight(key, progress) as flight:
                result = flight.result = (
                    self._results.get(key) or flight.result or self._compute(key, compute, progress)
                )
        return result  # type: ignore[no-any-return]

    def find_answer(self, key: Hashable) -> Any:
        """Return the result of `key` if it is cached, else None."""
        return self._results.get(key)

    def _compute(self, key: Hashable, compute: Callable[[Progress], Result], progress: Progress) -> Result:
        with self._queue.enter(progress):
            torch.set_num_threads(self._threads)
            result = compute(progress)
        self._results.put(key, result)
        return result

    @contextmanager
    def _join_flight(self, key: Hashable, progress: Progress) -> Iterator[_Flight]:
        with self._guard:
            flight = self._flights.setdefault(key, _Flight())
            flight.users += 1
        try:
            with hold_lock(flight.lock, progress, "Waiting: another user made the same request"):
                yield flight
        finally:
            with self._guard:
                flight.users -= 1
                if not flight.users:
                    self._flights.pop(key, None)


def _make_evaluation_key(explanation: Explanation, row: int) -> Hashable:
    """Make the cache key of an evaluation."""
    return "evaluate", canonicalize(explanation.request), row


@cache
def service() -> Service:
    """Return the service of this process."""
    return Service(settings())
