"""Dropout switched on for one forward pass, with random numbers from a generator of its own."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from ...models.devices import find_device


class GeneratorMode(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """A mode of one thread in which torch's random operations use `generator` instead of the global one."""

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._generator = generator

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if torch.Tag.nondeterministic_seeded in func.tags:
            # bernoulli_ itself takes a generator; rand has an overload that does.
            takes = any(argument.name == "generator" for argument in func._schema.arguments)
            func = func if takes else func.overloadpacket.generator
            kwargs["generator"] = self._generator
        return func(*args, **kwargs)


@contextmanager
def enable_dropout(seed: int, model: Any) -> Iterator[None]:
    """Run the model in training mode inside this context; only under the model's lock."""
    modules = [module for module in model.modules() if not module.training]
    try:
        for module in modules:
            module.training = True
        with GeneratorMode(torch.Generator(find_device(model)).manual_seed(seed)):
            yield
    finally:
        for module in modules:
            module.training = False
