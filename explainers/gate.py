"""Waiting, with a word to whoever waits and a chance to leave: in the line for a few slots, or for another thread.

Knows nothing of what is run.
"""

import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, wait
from dataclasses import dataclass
from typing import TypeVar

from .data import Progress

SLICE = 0.2  # seconds between two words, and so between two chances to leave
Result = TypeVar("Result")


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
