"""Test on one short sample whether a model gives the same output again, and within a batch. Call under its lock."""

import logging
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from ...errors import Incompatible

READ = ("input_ids", "pixel_values")  # the inputs that differ in the other rows of a batch
TOLERANCE = 1e-4  # absolute and relative: more than the order of summation changes in float32
ROUNDINGS = 32  # so many of a coarser type's relative rounding errors are tolerated
RunBatch = Callable[[Mapping[str, Tensor]], Tensor]  # inputs (B, …) to an output (B, …)


def allows_batches(
    model: torch.nn.Module, run: RunBatch, inputs: Mapping[str, Tensor], alone: Tensor, label: str
) -> bool:
    """Return whether the model reads several inputs together as it reads each of them alone.

    `alone` (1, …) is the output of `run` for `inputs` (1, …). The scales of a dynamic quantisation and the statistics
    of a batch norm may depend on the whole batch. Raises Incompatible if two passes on the same input differ.
    """
    with torch.no_grad():
        within = _run_within_batch(run, inputs, label)
        types = {alone.dtype, *(weight.dtype for weight in model.parameters() if weight.is_floating_point())}
        rounding = ROUNDINGS * max(torch.finfo(one).eps for one in types)
        if within is not None and _are_close(alone[:1], within, max(TOLERANCE, rounding)):
            return True
        again = run(inputs)
    if not _are_close(alone, again, TOLERANCE):
        raise describe_random(label, float(alone.max()), float(again.max()))
    return False


def describe_random(label: str, first: float, second: float) -> Incompatible:
    """Return the error for a model that outputs one number, and then another, for the same input."""
    return Incompatible(
        f"{label} draws random numbers when it runs: its own passes on the same input give {first:.4g} and then "
        f"{second:.4g}. Fix them in its configuration (for Reformer: hash_seed), or choose another model."
    )


def _run_within_batch(run: RunBatch, inputs: Mapping[str, Tensor], label: str) -> Tensor | None:
    """Return the output (1, …) for the inputs as the first of three rows, None if the model refuses the batch.

    The other rows hold the same ids or pixels in another order, so that what a model demands of an input holds.
    """
    try:
        return run({name: _add_rows(name, value) for name, value in inputs.items()})[:1]
    except Exception as error:  # a model's own code, which may refuse a batch in any way
        logging.getLogger(__name__).info("%s refuses a batch of three", label, exc_info=error)
        return None


def _add_rows(name: str, value: Tensor) -> Tensor:
    if name in READ:
        return torch.cat([value, value.flip(-1), value.roll(1, -1)])
    return value.expand(3, *value.shape[1:])


def _are_close(one: Tensor, other: Tensor, tolerance: float) -> bool:
    """Return whether two outputs are equal but for a share of the largest finite number, or of 1 if that is less."""
    if one.shape != other.shape:
        return False
    finite = one[one.isfinite()].abs()
    size = float(finite.max()) if len(finite) else 0.0
    return torch.allclose(one, other, rtol=0.0, atol=tolerance * max(1.0, size), equal_nan=True)
