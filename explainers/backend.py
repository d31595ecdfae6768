"""Where explanations run when many people ask at once: one gate, one answer for equal questions, results kept.

Knows no page.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache

import torch

from .data import Explanation, Pixels, Progress
from .engine import canonical, explain
from .gate import Gate
from .registry import patiently, quiet
from .request import Request
from .settings import Settings, settings

FEATURE_BYTES = 400  # of one Feature as Python keeps it


@dataclass
class _Flight:
    """A question that somebody is answering: whoever holds the lock. The answer is for those who wait."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    people: int = 0
    answer: Explanation | None = None


class Results:
    """Finished explanations, at most `most` bytes of them, the least recently asked for leaving first."""

    def __init__(self, most: int) -> None:
        self._most, self._bytes = most, 0
        self._kept: OrderedDict[Request, Explanation] = OrderedDict()
        self._guard = threading.Lock()

    def get(self, request: Request) -> Explanation | None:
        """The explanation if it is kept."""
        with self._guard:
            if request in self._kept:
                self._kept.move_to_end(request)
            return self._kept.get(request)

    def keep(self, request: Request, explanation: Explanation) -> None:
        """Keep the explanation, and let the oldest go until all fit; one that never would is not kept."""
        with self._guard:
            if request in self._kept or weight(explanation) > self._most:
                return
            self._kept[request] = explanation
            self._bytes += weight(explanation)
            while self._bytes > self._most:
                self._bytes -= weight(self._kept.popitem(last=False)[1])


def weight(explanation: Explanation) -> int:
    """About how many bytes an explanation takes."""
    inputs = sum(4 * len(text) for text in explanation.request.texts.values())
    inputs += sum(len(image.data) for image in explanation.request.pictures.values())
    features = 0 if isinstance(explanation.features, Pixels) else FEATURE_BYTES * len(explanation.features)
    return int(explanation.scores.nbytes + features + inputs)


class Backend:
    """This process: explanations in its threads, a few at a time."""

    def __init__(self, limits: Settings) -> None:
        self._threads = limits.threads_each
        self._gate = Gate(limits.slots, limits.waiting)
        self._results = Results(limits.result_megabytes * 1_000_000)
        self._flights: dict[Request, _Flight] = {}
        self._guard = threading.Lock()

    def explain(self, request: Request, progress: Progress = quiet) -> Explanation:
        """The explanation: kept, or somebody else's who asked the same, or computed now.

        If the one who computes it leaves, the next who waits for it goes on in their place.
        """
        if kept := self.kept(request):
            return kept
        question = canonical(request)
        with self._flight(question, progress) as flight:
            flight.answer = self._results.get(question) or flight.answer or self._computed(question, progress)
            return replace(flight.answer, request=request)

    def kept(self, request: Request) -> Explanation | None:
        """The explanation if it needs no work."""
        kept = self._results.get(canonical(request))
        return replace(kept, request=request) if kept else None

    def _computed(self, question: Request, progress: Progress) -> Explanation:
        with self._gate.enter(progress):
            torch.set_num_threads(self._threads)
            explanation = explain(question, progress=progress)
        self._results.keep(question, explanation)
        return explanation

    @contextmanager
    def _flight(self, question: Request, progress: Progress) -> Iterator[_Flight]:
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


@cache
def backend() -> Backend:
    """The backend of this process."""
    return Backend(settings())
