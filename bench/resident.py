"""Measure a computation: seconds, passes of the model, and the peak memory of its process.

Needs only torch and Linux, so that a tool in another environment can be measured in the same way.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

PROCESS = Path("/proc/self")


@dataclass(frozen=True)
class Cost:
    """Seconds by the clock and of all processors, passes of one text each, and megabytes resident at the peak."""

    seconds: float
    processor: float
    forward: int
    backward: int
    megabytes: float


@contextmanager
def measure(model: Any) -> Iterator[Callable[[], dict[str, Any]]]:
    """Measure what runs inside; ask the function that is given for the result when it is over.

    A backward pass is counted where every forward pass with gradients has one.
    """
    forward = backward = 0
    (PROCESS / "clear_refs").write_text("5")  # forget the peak of loading
    started, worked = time.perf_counter(), time.process_time()
    seconds = processor = megabytes = 0.0

    def note(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        nonlocal forward, backward
        forward += len(output.logits)
        backward += len(output.logits) * torch.is_grad_enabled()

    handle = model.register_forward_hook(note, with_kwargs=True)
    try:
        yield lambda: {
            "seconds": seconds,
            "processor": processor,
            "forward": forward,
            "backward": backward,
            "megabytes": megabytes,
        }
    finally:
        seconds, processor, megabytes = time.perf_counter() - started, time.process_time() - worked, read_peak()
        handle.remove()


def read_peak() -> float:
    """Return the peak memory of this process since the last reset, in MB, mapped files included."""
    lines = (PROCESS / "status").read_text().splitlines()
    return next(float(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM"))
