"""Dropout switched on for one pass, the same each time for the same seed.

Knows no task and no method. torch draws dropout from its global generator alone, so that is put aside meanwhile.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def dropping(seed: int, model: Any) -> Iterator[None]:
    """A context in which the model drops what it dropped in training; only under the model's lock."""
    resting = [module for module in model.modules() if not module.training]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            for module in resting:
                module.training = True
            yield
        finally:
            for module in resting:
                module.training = False
