"""What a computation takes: seconds, passes of the model, and the most memory that its process ever had.

Knows torch only, so that a tool in another environment can be measured the same way.
"""

import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True)
class Measured:
    """Seconds by the clock and of all processors, passes of one text each, and megabytes resident at the peak."""

    seconds: float
    processor: float
    forward: int
    backward: int
    megabytes: float


@contextmanager
def measured(model: Any) -> Iterator[Callable[[], dict[str, Any]]]:
    """Measure what runs inside; ask the function that is given for the result when it is over.

    A backward pass is counted where every forward pass with gradients has one.
    """
    forward = backward = 0
    started, worked = time.perf_counter(), time.process_time()
    seconds = processor = 0.0

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
            "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000,
        }
    finally:
        seconds, processor = time.perf_counter() - started, time.process_time() - worked
        handle.remove()
