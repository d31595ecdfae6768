"""What every benchmark prints and times with: a Markdown table, percentiles, ratios, a progress line.

Knows no model.
"""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import numpy as np

T = TypeVar("T")


def markdown(head: tuple[str, ...], lines: Iterable[tuple[str, ...]]) -> str:
    """A Markdown table."""
    rows = [head, ("---",) * len(head), *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


def percentiles(values: Iterable[float], form: str, *percents: int) -> tuple[str, ...]:
    """Percentiles as text."""
    numbers = list(values)
    return tuple(form.format(np.percentile(numbers, percent)) for percent in percents)


def ratios(one: Callable[[], object], other: Callable[[], object], rounds: int) -> list[float]:
    """The time of `one` over that of `other`, run in turn: what else the machine does meets both."""
    return [seconds(one) / seconds(other) for _ in range(rounds)]


def seconds(run: Callable[[], object]) -> float:
    """How long it takes."""
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def told(things: list[T], what: str) -> Iterator[T]:
    """The things one by one, with a line on stderr that says how far we are."""
    for number, thing in enumerate(things, 1):
        print(f"\r{what}: {number} of {len(things)}", end="", file=sys.stderr, flush=True)
        yield thing
    print(file=sys.stderr)
