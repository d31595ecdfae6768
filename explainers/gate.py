"""A queue for a few slots: first in, first out, with progress for those who wait."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from .errors import Busy
from .progress import Progress, wait_while


class Gate:
    """A first-in, first-out queue: at most `slots` run and `waiting` wait; more raise Busy."""

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
            wait_while(lambda seconds: self._blocked(ticket, seconds), progress)
            yield
        finally:
            with self._moved:
                self._line.remove(ticket)
                self._moved.notify_all()

    def _blocked(self, ticket: object, seconds: float) -> tuple[str, float] | None:
        """Return how many are before this ticket, None if it may go in; wait a moment if there are any."""
        with self._moved:
            if self._line.index(ticket) >= self._slots:
                self._moved.wait(seconds)
            ahead = self._line.index(ticket) - self._slots + 1
            return (f"In line: {ahead} before you", 0.0) if ahead > 0 else None
