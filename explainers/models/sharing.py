"""Run a model that its owner uses too: one lock per model, and nothing of the model is changed for longer than a run.

Some models change themselves when they run: BigBird takes full attention from its first short text on, and scaled
rotary embeddings grow with the longest text so far. Each of our passes starts from the state in which the owner left
the model, so that it gives what the model gives alone.
"""

import operator
import threading
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

import torch
from transformers import GenerationConfig, PreTrainedConfig

from .devices import bridge_devices
from .probes.attention import restore_hooks

_LOCKS: WeakKeyDictionary[torch.nn.Module, threading.Lock] = WeakKeyDictionary()
_GUARD = threading.Lock()
_CHANGING: WeakSet[torch.nn.Module] = WeakSet()  # models of which a pass changes more than hooks
GROWING = ("dynamic", "longrope")  # scalings of rotary embeddings that depend on the texts so far


def find_lock(model: torch.nn.Module) -> threading.Lock:
    """Return the lock of a model. Models that share a layer with weights, as wrappers and their model do, share it."""
    layers = [module for module in model.modules() if module._parameters] or [model]
    with _GUARD:
        lock = next((_LOCKS[layer] for layer in layers if layer in _LOCKS), None) or threading.Lock()
        for layer in layers:
            _LOCKS.setdefault(layer, lock)
    return lock


class ModelState:
    """What a pass may change in a model: attributes, submodules and buffers of each module, and configurations.

    Hooks and training flags are not part of it, nor are the values of weights.
    """

    def __init__(self, model: torch.nn.Module) -> None:
        if any(scaling in str(getattr(module, "rope_type", "")) for module in model.modules() for scaling in GROWING):
            _CHANGING.add(model)
        self._objects = [_Attributes(owner) for owner in _list_owners(model)]
        self._buffers = [(buffer, _read_version(buffer), buffer.detach().clone()) for buffer in model.buffers()]

    def restore(self) -> bool:
        """Set everything that differs back, and return whether anything did."""
        changed = [attributes for attributes in self._objects if attributes.restore()]
        written = [pair for pair in self._buffers if _was_written(*pair)]
        for buffer, _, before in written:
            with torch.inference_mode(buffer.is_inference()), torch.no_grad():
                buffer.copy_(before)
        if written:
            self._buffers = [(buffer, _read_version(buffer), before) for buffer, _, before in self._buffers]
        return bool(changed or written)


class _Attributes:
    """The attributes of an object, and what its lists, dicts and sets hold. Compared by identity, which is fast."""

    def __init__(self, owner: Any) -> None:
        self._owner, self._before = owner, dict(vars(owner))
        self._contents = [
            (value, value.copy(), tuple(_list_items(value)))
            for name, value in self._before.items()
            if type(value) in (dict, list, set) and "hook" not in name
        ]

    def restore(self) -> bool:
        """Set what differs back, but for hooks and the training flag, and return whether anything did."""
        own, before = vars(self._owner), self._before
        changed = False
        if not _are_same(own.values(), before.values()):
            names = [name for name in own.keys() | before.keys() if name != "training" and "hook" not in name]
            for name in names:
                if name not in before:
                    del own[name]
                elif own.get(name, own) is not before[name]:
                    own[name] = before[name]
                else:
                    continue
                changed = True
        for value, content, items in self._contents:
            if not _are_same(_list_items(value), items):
                value.clear()
                value.extend(content) if isinstance(value, list) else value.update(content)
                changed = True
        return changed


def _list_owners(model: torch.nn.Module) -> Iterable[Any]:
    """List the modules of a model, and the configurations that are attributes of them or of one another."""
    owners: dict[int, Any] = {id(module): module for module in model.modules()}
    queue = list(owners.values())
    for owner in queue:
        for value in vars(owner).values():
            if isinstance(value, PreTrainedConfig | GenerationConfig) and id(value) not in owners:
                owners[id(value)] = value
                queue.append(value)
    return owners.values()


def _list_items(value: Any) -> Any:
    return value.values() if isinstance(value, dict) else value


def _are_same(one: Collection[Any], other: Collection[Any]) -> bool:
    """Return whether two collections hold the same objects in the same order."""
    return len(one) == len(other) and all(map(operator.is_, one, other))


def _read_version(tensor: torch.Tensor) -> int:
    """Return how often a tensor was written in place; tensors made in inference mode do not count that."""
    return -1 if tensor.is_inference() else tensor._version


def _was_written(buffer: torch.Tensor, version: int, before: torch.Tensor) -> bool:
    return not torch.equal(buffer, before) if version < 0 else buffer._version != version


@contextmanager
def hold_frozen(model: torch.nn.Module) -> Iterator[None]:
    """Set the model to evaluation mode without gradients of its weights, and restore it with its hooks at the end.

    Inside, it takes and returns tensors of the CPU.

    Call under the model's lock. The flags are set one by one, because `eval()` may be overridden to do more, and
    because parts of a model in training may be in evaluation mode.
    """
    modules = list(model.modules())
    training = [module for module in modules if module.training]
    weights = {id(weight): weight for module in modules for weight in module._parameters.values() if weight is not None}
    trained = [weight for weight in weights.values() if weight.requires_grad]
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


@contextmanager
def undo_changes(model: torch.nn.Module, state: ModelState | None = None) -> Iterator[None]:
    """Set back what passes change in the model: after every pass if the first changes something, and at the end.

    Call under the model's lock. `state` is what to restore, by default the present state.
    """
    state, passes = state or ModelState(model), 0

    def restore(module: torch.nn.Module, *_: Any) -> None:
        nonlocal passes
        passes += 1
        if module is not model:
            return  # a copy of the model has this hook too
        if (model in _CHANGING or passes == 1) and state.restore():
            _CHANGING.add(model)

    handle = model.register_forward_hook(restore, always_call=True)
    try:
        yield
    finally:
        handle.remove()
        state.restore()
