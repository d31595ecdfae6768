"""A first-in, first-out queue of requests."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import Busy
from ..progress import Progress, wait_while


class RequestQueue:
    """A queue that runs at most `slots` requests at once and lets at most `waiting` others wait."""

    def __init__(self, slots: int, waiting: int) -> None:
        self._slots, self._waiting = slots, waiting
        self._tickets: list[object] = []  # the first `slots` of them run
        self._moved = threading.Condition()

    @contextmanager
    def enter(self, progress: Progress) -> Iterator[None]:
        """Wait for a slot and hold it; `progress` may end the wait by raising. Raises Busy if the queue is full."""
        ticket = object()
        with self._moved:
            if len(self._tickets) >= self._slots + self._waiting:
                raise Busy(
                    f"{self._waiting} requests are waiting already. Try again in a minute, or run Wherefore yourself."
                )
            self._tickets.append(ticket)
        try:
            wait_while(lambda seconds: self._describe_wait(ticket, seconds), progress)
            yield
        finally:
            with self._moved:
                self._tickets.remove(ticket)
                self._moved.notify_all()

    def _describe_wait(self, ticket: object, seconds: float) -> tuple[str, float] | None:
        """Wait up to `seconds` for a slot; return how many requests must finish first, None if this one may run."""
        with self._moved:
            if self._tickets.index(ticket) >= self._slots:
                self._moved.wait(seconds)
            ahead = self._tickets.index(ticket) - self._slots + 1
            return (f"In the queue: {ahead} before you", 0.0) if ahead > 0 else None
