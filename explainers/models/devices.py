"""Models on another device than the CPU, such as a GPU: only they are there, all else is computed on the CPU.

So random numbers, masks and scores are the same on every device, and need no care for it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from transformers.utils import ModelOutput

from ..errors import BadRequest, Incompatible

CPU = torch.device("cpu")
EMPTY = "meta"  # the device of tensors without numbers
SCORES = ("logits", "start_logits", "end_logits")


def choose_device(name: str) -> torch.device:
    """Return the device of WHEREFORE_DEVICE for the models that we load. Raises BadRequest if it cannot be used."""
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).add(1).cpu()
    except (RuntimeError, AssertionError, NotImplementedError) as error:  # torch raises all three
        raise BadRequest(
            f"WHEREFORE_DEVICE is {name[:40]!r}, which this machine or its torch does not have. Give cpu, or a device "
            "that torch finds, such as cuda, cuda:1 or mps."
        ) from error
    return device


def find_device(model: Any) -> torch.device:
    """Return the device of a model, that of its first layer. Raises Incompatible if weights have no numbers."""
    devices = [weight.device for weight in model.parameters()]
    stored = [device for device in devices if device.type != EMPTY]
    if len(stored) < len(devices) and not _is_offloaded(model):
        raise Incompatible(
            f"Weights of {type(model).__name__} are on the device {EMPTY}, which stores no numbers. "
            "Load the model with from_pretrained."
        )
    return stored[0] if stored else CPU


def _is_offloaded(model: Any) -> bool:
    """Return whether accelerate loads the weights when they are needed."""
    return any(hasattr(module, "_hf_hook") for module in model.modules())


@contextmanager
def bridge_devices(model: torch.nn.Module) -> Iterator[None]:
    """Move what the model gets to its device, and its scores back to the CPU. Call under the model's lock."""
    device = find_device(model)
    if device == CPU:
        yield
        return

    def move_in(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
        return tuple(_move(one, device) for one in args), {name: _move(one, device) for name, one in kwargs.items()}

    def move_out(_: Any, __: Any, output: Any) -> Any:
        if isinstance(output, ModelOutput):
            for name in SCORES:
                if isinstance(scores := output.get(name), Tensor):
                    output[name] = scores.cpu()
        return output

    handles = [
        model.register_forward_pre_hook(move_in, with_kwargs=True),
        model.register_forward_hook(move_out),
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def call_module(module: torch.nn.Module, given: Tensor) -> Any:
    """Call a part of a model on any device with a tensor of the CPU, and return its output as it is."""
    device = next(module.parameters(), given).device
    return module(given if device.type == EMPTY else given.to(device))  # accelerate moves it to where the weights are


def _move(given: Any, device: torch.device) -> Any:
    return given.to(device) if isinstance(given, Tensor) else given
