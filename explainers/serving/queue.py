"""Admit a few visitors at a time, in the order in which they came."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ..data import Progress
from ..errors import Busy
from ..gate import SLICE


class RequestQueue:
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
