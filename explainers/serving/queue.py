"""Admit a few visitors at a time, in the order in which they came."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import Busy
from ..progress import Progress, wait_while


class RequestQueue:
    """Run at most `slots` requests at once, first in, first out. Raises Busy if `waiting` others wait already."""

    def __init__(self, slots: int, waiting: int) -> None:
        self._slots, self._waiting = slots, waiting
        self._line: list[object] = []  # those that run first
        self._moved = threading.Condition()

    @property
    def inside(self) -> int:
        """Number of requests that run now."""
        return min(len(self._line), self._slots)

    @contextmanager
    def enter(self, progress: Progress) -> Iterator[None]:
        """Wait for a slot and hold it. `progress` may end the wait by raising."""
        ticket = object()
        with self._moved:
            if len(self._line) >= self._slots + self._waiting:
                raise Busy(f"{self._waiting} people are waiting already. Try again in a minute, or run it yourself.")
            self._line.append(ticket)
        try:
            wait_while(lambda seconds: self._describe_wait(ticket, seconds), progress)
            yield
        finally:
            with self._moved:
                self._line.remove(ticket)
                self._moved.notify_all()

    def _describe_wait(self, ticket: object, seconds: float) -> tuple[str, float] | None:
        """Wait up to `seconds` for a slot; return how many requests must finish first, None if this one may run."""
        with self._moved:
            if self._line.index(ticket) >= self._slots:
                self._moved.wait(seconds)
            ahead = self._line.index(ticket) - self._slots + 1
            return (f"In line: {ahead} before you", 0.0) if ahead > 0 else None
