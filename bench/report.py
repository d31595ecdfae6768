"""What benchmarks share: Markdown tables, percentiles, ratios of times, a progress line."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import numpy as np

T = TypeVar("T")


def format_table(head: tuple[str, ...], lines: Iterable[tuple[str, ...]]) -> str:
    """Return a Markdown table."""
    rows = [head, ("---",) * len(head), *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


def format_percentiles(values: Iterable[float], form: str, *percents: int) -> tuple[str, ...]:
    """Return percentiles as text."""
    numbers = list(values)
    return tuple(form.format(np.percentile(numbers, percent)) for percent in percents)


def measure_ratios(one: Callable[[], object], other: Callable[[], object], rounds: int) -> list[float]:
    """Return the ratios of the times of `one` and `other`, run in turn so that other load affects both."""
    return [measure_seconds(one) / measure_seconds(other) for _ in range(rounds)]


def measure_seconds(run: Callable[[], object]) -> float:
    """Measure how long a call takes, in seconds."""
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def show_progress(things: list[T], what: str) -> Iterator[T]:
    """Yield the items one by one, and report progress on stderr."""
    for number, thing in enumerate(things, 1):
        print(f"\r{what}: {number} of {len(things)}", end="", file=sys.stderr, flush=True)
        yield thing
    print(file=sys.stderr)
