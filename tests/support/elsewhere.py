"""A second device on machines that have only a CPU: tensors that are on it cannot be mixed with others.

Inside `pretend_device()`, a model that `move` has moved is on `DEVICE`, and computes with its tensors on the CPU.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_iter, tree_map

DEVICE = torch.device("meta")  # the only other device that torch knows without its hardware
aten = torch.ops.aten
# As with CUDA, indices may be on the CPU, and a copy may cross.
CROSSING = {aten.index.Tensor, aten.index_put_.default, aten.index_put.default, aten.copy_.default}


class Elsewhere(torch.Tensor):
    """A tensor on the second device, whose numbers are in `inner`, on the CPU."""

    inner: torch.Tensor

    @staticmethod
    def __new__(cls, inner: torch.Tensor) -> "Elsewhere":
        return torch.Tensor._make_wrapper_subclass(
            cls,
            inner.size(),
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            device=DEVICE,
        )

    def __init__(self, inner: torch.Tensor) -> None:
        self.inner = inner

    def __repr__(self, **_: Any) -> str:
        return f"Elsewhere({self.inner})"

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return compute(func, args, kwargs or {})


class Pretence(TorchDispatchMode):
    """Makes tensors on the second device where an operation asks for it."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return compute(func, args, kwargs or {})


def compute(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Run an operation on the CPU. Raises RuntimeError if its tensors are on two devices."""
    tensors = [leaf for leaf in tree_iter((args, kwargs)) if isinstance(leaf, torch.Tensor)]
    there = [tensor for tensor in tensors if isinstance(tensor, Elsewhere)]
    here = [tensor for tensor in tensors if not isinstance(tensor, Elsewhere) and tensor.dim()]
    if there and here and func not in CROSSING:
        raise RuntimeError(f"{func} got tensors on two devices")
    wanted = kwargs.get("device")
    plain = dict(kwargs) | ({"device": torch.device("cpu")} if wanted is not None else {})
    plain_args, plain = tree_map(lambda leaf: leaf.inner if isinstance(leaf, Elsewhere) else leaf, (args, plain))
    result = func(*plain_args, **plain)
    if torch.device(wanted).type == "cpu" if wanted is not None else not there:
        return result
    wrapped = tree_map(lambda leaf: Elsewhere(leaf) if isinstance(leaf, torch.Tensor) else leaf, result)
    return return_and_correct_aliasing(func, args, kwargs, wrapped) if there else wrapped


class Constants(TorchFunctionMode):
    """Makes torch.tensor(…, device=DEVICE) from numbers, which "meta" would lose."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func is torch.tensor and torch.device(kwargs.get("device") or "cpu") == DEVICE:
            return Elsewhere(torch.tensor(*args, **kwargs | {"device": "cpu"}))
        return func(*args, **kwargs)


@contextmanager
def pretend_device() -> Iterator[None]:
    """Have a second device inside this context, on which models run."""
    with Pretence(), Constants(), patch("explainers.models.devices.EMPTY", "nowhere"):
        yield


def move(model: torch.nn.Module) -> torch.nn.Module:
    """Move a model's weights and buffers to the second device."""
    moved: dict[int, Any] = {}
    for module in model.modules():
        for name, weight in module._parameters.items():
            if weight is not None:
                new = moved.setdefault(id(weight), torch.nn.Parameter(Elsewhere(weight.data), weight.requires_grad))
                module._parameters[name] = new
        for name, buffer in module._buffers.items():
            if buffer is not None:
                module._buffers[name] = Elsewhere(buffer)
    return model
