"""Progress callbacks, limits on passes and time, and waiting that reports progress and can be cancelled."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from .errors import LimitReached, Overdue

Result = TypeVar("Result")
Progress = Callable[[str, float], None]  # description and share done, 0 to 1; may raise to stop the work
SLICE = 0.2  # seconds between two reports; each report can cancel the wait


def quiet(_: str, __: float = 0.0) -> None:
    """Ignore progress."""


@dataclass
class Run:
    """The passes of one explanation so far, its limits and its notices."""

    most_passes: int = 1_000_000
    deadline: float = float("inf")  # of time.monotonic()
    progress: Progress | None = None
    forward: int = 0
    backward: int = 0
    expected: int = 0
    notices: list[str] = field(default_factory=list)

    def expect(self, passes: int) -> None:
        """Announce further passes. Raises LimitReached if the total exceeds the limit."""
        needed = self.forward + passes
        self.expected = max(self.expected, needed)
        if needed > self.most_passes:
            raise LimitReached(
                f"This needs {needed:,} passes through the model, and at most {self.most_passes:,} are allowed. "
                "Choose fewer samples or steps, or a shorter text."
            )

    def spend(self, forward: int, backward: int = 0) -> None:
        """Count and report passes. Raises Overdue after the deadline."""
        self.forward += forward
        self.backward += backward
        if time.monotonic() > self.deadline:
            raise Overdue(f"Stopped after {self.forward:,} passes: the time limit of one explanation is reached.")
        if self.progress:
            self.progress(f"{self.forward} passes through the model", self.forward / max(self.expected, self.forward))


def wait_while(describe_wait: Callable[[float], tuple[str, float] | None], progress: Progress) -> None:
    """Wait until `describe_wait` returns None, and report what it returns; `progress` may raise to end the wait.

    `describe_wait` itself waits, for at most the seconds it is given.
    """
    while (state := describe_wait(SLICE)) is not None:
        progress(*state)


@contextmanager
def hold_lock(lock: threading.Lock, progress: Progress, waiting_for: str) -> Iterator[None]:
    """Hold the lock, reporting `waiting_for` until it is free."""
    wait_while(lambda seconds: None if lock.acquire(timeout=seconds) else (waiting_for, 0.0), progress)
    try:
        yield
    finally:
        lock.release()


@dataclass
class Meter:
    """Downloaded bytes. `add` raises once `stopped` is set, which stops the download."""

    total: int = 0
    done: int = 0
    stopped: bool = False

    @property
    def share(self) -> float:
        """The downloaded share, 0 to 1."""
        return min(self.done / self.total, 1.0) if self.total else 0.0

    def add(self, count: float | None) -> None:
        """Count downloaded bytes. Raises CancelledError if the download was cancelled."""
        self.done += int(count or 0)
        if self.stopped:
            raise CancelledError("The download was cancelled.")


def run_in_thread(function: Callable[[Meter], Result], progress: Progress, what: str) -> Result:
    """Run `function` in a thread, report its progress and return its result; `progress` may raise to stop it."""
    meter, future = Meter(), Future[Result]()

    def describe_wait(seconds: float) -> tuple[str, float] | None:
        return (what, meter.share) if wait([future], seconds).not_done else None

    threading.Thread(target=_set_outcome, args=(future, function, meter), daemon=True).start()
    try:
        wait_while(describe_wait, progress)
    finally:
        meter.stopped = True
    return future.result()


def _set_outcome(future: Future[Result], function: Callable[[Meter], Result], meter: Meter) -> None:
    try:
        future.set_result(function(meter))
    except BaseException as error:  # raised again by future.result()
        future.set_exception(error)
