"""The Rescale rule of DeepLIFT: an activation passes on the change of its output, not its slope at the input.

The hooks are our own, not those of Captum's DeepLift, which fail if a module runs twice (shared layers, several
sequences), take one target per pass, know no GELU or SiLU, and compare two halves of a batch, which not every model
reads as it reads each half alone. Here the baseline has its own pass. Captum's max pooling also loses shares where
windows overlap, or behind a ReLU. Its rule for softmax, which changes the sum, is left out: softmax has its gradient.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..errors import Incompatible
from ..models.probes.activations import MAXIMA

DIFFERENT_PASSES = (
    "This model takes other steps for the baseline than for the input, so its activations cannot be compared. Choose "
    "a method without the Rescale rule, such as integrated gradients."
)
Call = tuple[Tensor, Tensor]  # input and output of an activation


@dataclass
class ActivationCalls:
    """The calls of activations in the order of a forward pass: recorded first, then compared with those of the input.

    Hooks of one pass at a time; an activation in place gets a copy, so that its input stays known.
    """

    recorded: list[Call] = field(default_factory=list)
    compared: int | None = None  # number of calls compared so far, None while recording
    inputs: list[Tensor] = field(default_factory=list)

    def before(self, module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """Keep the input of a call."""
        self.inputs.append(args[0])
        return (args[0].clone(), *args[1:]) if getattr(module, "inplace", False) else None

    def after(self, module: nn.Module, _: tuple[Any, ...], output: Tensor) -> Tensor | None:
        """Record a call, or return its output with the gradient of the Rescale rule."""
        own = self.inputs.pop()
        if self.compared is None:
            self.recorded.append((own.detach().clone(), output.detach().clone()))
            return None
        if self.compared >= len(self.recorded) or self.recorded[self.compared][0].shape != own.shape:
            raise Incompatible(DIFFERENT_PASSES)
        reference = self.recorded[self.compared]
        self.compared += 1
        rescale = rescale_maxima if isinstance(module, MAXIMA) else rescale_elements
        return rescale(module, own, output.detach(), *reference)


@contextmanager
def apply_rescale_rule(activations: Sequence[nn.Module], run_baseline: Callable[[], object]) -> Iterator[None]:
    """Record one forward pass of the baseline; inside, one forward pass of the input has the gradients of the rule.

    Raises Incompatible if the two passes differ in the calls of activations.
    """
    calls = ActivationCalls()
    handles = []
    try:
        for module in activations:
            handles += [module.register_forward_pre_hook(calls.before), module.register_forward_hook(calls.after)]
        run_baseline()
        calls.compared = 0
        yield
        if calls.compared != len(calls.recorded):
            raise Incompatible(DIFFERENT_PASSES)
    finally:
        for handle in handles:
            handle.remove()


def rescale_elements(module: nn.Module, x: Tensor, output: Tensor, x_ref: Tensor, output_ref: Tensor) -> Tensor:
    """Return `output` with gradient Δoutput / Δx for each element.

    Where Δx is so small that the quotient would be rounding error, the gradient is the slope at x.
    """
    with torch.enable_grad():
        inner = x.detach().requires_grad_()
        (slope,) = torch.autograd.grad(module.forward(inner.clone()).sum(), inner)
    own = x.detach()
    change = own - x_ref
    small = change.abs() <= torch.finfo(x.dtype).eps ** 0.5 * torch.maximum(own.abs(), x_ref.abs())
    return pass_on(x, output, torch.where(small, slope, (output - output_ref) / change.where(~small, 1)))


def pass_on(x: Tensor, output: Tensor, multiplier: Tensor) -> Tensor:
    """Return `output` with gradient `multiplier` for each element of x."""
    return output + multiplier * (x - x.detach())


def rescale_maxima(module: Any, x: Tensor, output: Tensor, x_ref: Tensor, output_ref: Tensor) -> Tensor:
    """Return the maxima `output` with the gradients of DeepLIFT for max pooling.

    A window whose maximum rises credits the element that is the largest now; one whose maximum falls credits the
    element that was the largest in the baseline.
    """
    dimensions = 1 if isinstance(module, nn.MaxPool1d) else 2
    pool = functional.max_pool1d if dimensions == 1 else functional.max_pool2d
    sizes = (module.kernel_size, module.stride, module.padding, module.dilation, module.ceil_mode)
    rise, fall = (output - output_ref).clamp(min=0), (output - output_ref).clamp(max=0)
    same = output == output_ref
    moved = (x - x.detach()).flatten(-dimensions)
    change = (x.detach() - x_ref).flatten(-dimensions)
    total = output
    for points, part, plain in ((x.detach(), rise, 1.0), (x_ref, fall, 0.0)):
        places = pool(points, *sizes, return_indices=True)[1].flatten(-dimensions)  # (…, windows)
        change_there = change.gather(-1, places).reshape(output.shape)
        multiplier = torch.where(same, plain, part / change_there.where(part != 0, 1))
        total = total + multiplier * moved.gather(-1, places).reshape(output.shape)
    return total
