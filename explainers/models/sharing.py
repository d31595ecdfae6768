"""Run a model that its owner uses too: one lock per model, and evaluation mode only while we run it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakKeyDictionary

import torch

from .devices import bridge_devices
from .probes.attention import restore_hooks

_LOCKS: WeakKeyDictionary[torch.nn.Module, threading.Lock] = WeakKeyDictionary()
_GUARD = threading.Lock()


def find_lock(model: torch.nn.Module) -> threading.Lock:
    """Return the lock of a model. Models that share their first layer with weights, as wrappers do, share a lock."""
    first = next((module for module in model.modules() if module._parameters), model)
    with _GUARD:
        return _LOCKS.setdefault(first, threading.Lock())


@contextmanager
def hold_frozen(model: torch.nn.Module) -> Iterator[None]:
    """Set the model to evaluation mode without gradients of its weights, and restore it with its hooks at the end.

    Inside, it takes and returns tensors of the CPU.

    Call under the model's lock. The flags are set one by one, because `eval()` may be overridden to do more, and
    because parts of a model in training may be in evaluation mode.
    """
    training = [module for module in model.modules() if module.training]
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    with restore_hooks(model), bridge_devices(model):
        try:
            for module in training:
                module.training = False
            for weight in trained:
                weight.requires_grad = False
            yield
        finally:
            for module in training:
                module.training = True
            with torch.inference_mode():  # weights that were made in this mode can be changed only in it
                for weight in trained:
                    weight.requires_grad = True
