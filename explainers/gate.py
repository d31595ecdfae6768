"""Waiting, with a word to whoever waits and a chance to leave: in the line for a few slots, or for another thread.

Knows nothing of what is run.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from .data import Progress
from .errors import Busy

SLICE = 0.2  # seconds between two words, and so between two chances to leave
Result = TypeVar("Result")


class Gate:
    """At most `slots` people inside and `waiting` in line: who comes first runs first, and too many are sent home."""

    def __init__(self, slots: int, waiting: int) -> None:
        self._slots, self._waiting = slots, waiting
        self._line: list[object] = []  # those inside first
        self._moved = threading.Condition()

    @property
    def inside(self) -> int:
        """How many run now."""
        return min(len(self._line), self._slots)

    @contextmanager
    def enter(self, progress: Progress) -> Iterator[None]:
        """Wait for a slot and hold it; `progress` may end the wait by raising. Raises Busy if the line is full."""
        ticket = object()
        with self._moved:
            if len(self._line) >= self._slots + self._waiting:
                raise Busy(f"{self._waiting} people are waiting already. Try again in a minute, or run it yourself.")
            self._line.append(ticket)
        try:
            while ahead := self._ahead(ticket):
                progress(f"In line: {ahead} before you", 0.0)
            yield
        finally:
            with self._moved:
                self._line.remove(ticket)
                self._moved.notify_all()

    def _ahead(self, ticket: object) -> int:
        """How many have to leave before this ticket may go in; waits a moment if there are any."""
        with self._moved:
            if self._line.index(ticket) >= self._slots:
                self._moved.wait(SLICE)
            return max(0, self._line.index(ticket) - self._slots + 1)


@dataclass
class Meter:
    """How much of a download is done; whoever waits for it stops it here."""

    total: int = 0
    done: int = 0
    stopped: bool = False

    @property
    def share(self) -> float:
        """From 0 to 1."""
        return min(self.done / self.total, 1.0) if self.total else 0.0

    def add(self, count: float | None) -> None:
        """Count bytes that have come. Raises CancelledError if nobody waits for them any more."""
        self.done += int(count or 0)
        if self.stopped:
            raise CancelledError("Nobody waits for this download any more.")


def patient(function: Callable[[Meter], Result], progress: Progress, what: str) -> Result:
    """What `function` returns, run in a thread while `progress` is called again and again; it may raise to leave."""
    meter, future = Meter(), Future[Result]()
    threading.Thread(target=_settle, args=(future, function, meter), daemon=True).start()
    try:
        while not future.done():
            progress(what, meter.share)
            wait([future], SLICE)
    finally:
        meter.stopped = True
    return future.result()


def _settle(future: Future[Result], function: Callable[[Meter], Result], meter: Meter) -> None:
    try:
        future.set_result(function(meter))
    except BaseException as error:  # raised again where it is waited for
        future.set_exception(error)
