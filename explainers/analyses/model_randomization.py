"""The sanity check of a map: make the model's weights random, layer by layer from its head down, and see it change.

Works on a copy of the model; the shared one stays as it is. Knows no page.
"""

import copy
import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import groupby
from typing import Any, TypeVar

import torch

from ..engine import borrow, explain, predict
from ..errors import ExplainerError, Overdue
from ..models.loading import Bundle, model_cache
from ..progress import Progress, quiet
from ..request import Request, Target
from ..results.agreement import Agreement, RandomizationStep
from ..results.explanation import Explanation
from ..settings import settings
from ..tasks import TASKS
from .agreement import find_row, measure_agreement

MOST_STEPS = 12  # maps of randomised models; of a deeper one several layers become random at once
Layer = list[torch.nn.Module]
Answer = TypeVar("Answer")


def randomise_model(
    request: Request, *, row: int = 0, bundle: Bundle | None = None, progress: Progress = quiet
) -> tuple[RandomizationStep, ...]:
    """How the map of target `row` changes as the model forgets, Adebayo et al. 2018, arXiv:1810.03292.

    The steps go from the head down; after the last one all weights are random. Raises LimitReached where there is no
    memory for a copy of the model.
    """
    original = explain(request, bundle=bundle, progress=progress)
    asked = pin_target(original, row)
    return _on_a_copy(asked, bundle, progress, lambda other: _steps(original, asked, row, other, progress))


def _steps(
    original: Explanation, asked: Request, row: int, bundle: Bundle, progress: Progress
) -> tuple[RandomizationStep, ...]:
    """The model of `bundle` made random step by step, and how alike each map is to the original's."""
    deadline = time.monotonic() + settings().seconds
    layers, generator = _layers(bundle, asked), torch.Generator().manual_seed(asked.seed)
    steps: list[RandomizationStep] = []
    for done, (name, layer) in enumerate(layers):
        if time.monotonic() > deadline:
            raise Overdue(f"Stopped after {done} of {len(layers)} layers: the time for one check is over.")
        randomise_layer(layer, generator)
        told = _told(progress, f"Random from the head down to {name}", done, len(layers))
        found = explain(asked, bundle=bundle, progress=told)
        steps.append(RandomizationStep(name, _alike(original, found, row)))
    return tuple(steps)


def pin_target(explanation: Explanation, row: int = 0) -> Request:
    """The request that asks about the very target of `row`, whatever a changed model or text would say itself."""
    target, request = explanation.targets[row], explanation.request
    if explanation.prediction.alternatives:  # a text that the model wrote: the other is made to write the same
        written = next(field.name for field in TASKS[request.task].fields if field.optional)
        return replace(request, inputs=dict(request.inputs) | {written: explanation.prediction.text})
    if explanation.prediction.text:
        wanted = Target(label=target.text, foil=target.foil)  # an answer is asked for by its words
    elif target.position is not None:
        wanted = Target(label=target.label, position=target.position, foil=target.foil)
    else:
        wanted = Target(index=target.index, foil=target.foil)
    return replace(request, target=wanted)


def _alike(original: Explanation, found: Explanation, row: int) -> Agreement:
    other = find_row(found, original.targets[row])
    return measure_agreement(original, found, (row, other if other is not None else 0))


def _told(progress: Progress, what: str, done: int, of: int) -> Progress:
    """A progress that says which layer this is, and counts it as one of many."""
    return lambda _, share: progress(what, (done + share) / of)


def _on_a_copy(request: Request, bundle: Bundle | None, progress: Progress, use: Callable[[Bundle], Answer]) -> Answer:
    """What `use` makes of a copy of the model that nobody else has, counted in the memory for models while it lives.

    Like the engine's, its errors do not keep the copy by their traceback.
    """
    with ExitStack() as stack:
        with borrow(request, bundle, progress) as held:
            size = sum(p.numel() * p.element_size() for p in (*held.model.parameters(), *held.model.buffers()))
            stack.enter_context(model_cache().reserve(size, f"a second {held.card.label}"))
            other = Bundle(held.card, copy.deepcopy(held.model), held.tokenizer, held.processor)
            del held  # else this frame would keep a model that may leave
        try:
            return use(other)
        except ExplainerError as error:
            raise error.with_traceback(None) from None
        finally:
            del other


def _layers(bundle: Bundle, request: Request) -> list[tuple[str, Layer]]:
    """The layers that run for the request, from the head down, each a few modules with weights of their own."""
    names = {module: name for name, module in bundle.model.named_modules() if module._parameters}
    ran: dict[torch.nn.Module, None] = {}

    def note(module: torch.nn.Module, *_: Any) -> None:
        ran.pop(module, None)  # of a layer that runs twice the last time counts
        ran[module] = None

    handles = [module.register_forward_pre_hook(note) for module in names]
    try:
        predict(request, bundle=bundle)
    finally:
        for handle in handles:
            handle.remove()
    layers = [(name, list(group)) for name, group in groupby(reversed(ran), lambda module: name_layer(names[module]))]
    told = Counter(name for name, _ in layers)
    unique = [(name if told[name] == 1 else names[group[-1]], group) for name, group in layers]
    return _grouped(unique, MOST_STEPS)


def name_layer(name: str) -> str:
    """The layer that a module belongs to: up to its first number, or else the module around it."""
    parts = name.split(".")
    for place, part in enumerate(parts):
        if part.isdecimal():
            return ".".join(parts[: place + 1])
    return ".".join(parts[:-1]) or name


def _grouped(layers: Sequence[tuple[str, Layer]], most: int) -> list[tuple[str, Layer]]:
    """At most so many layers: neighbours become one, which bears the name of the lowest."""
    size = math.ceil(len(layers) / most)
    groups = [layers[i : i + size] for i in range(0, len(layers), size)]
    return [(group[-1][0], [module for _, layer in group for module in layer]) for group in groups]


def randomise_layer(layer: Layer, generator: torch.Generator) -> None:
    """Draw the weights of a layer anew, each tensor with its own mean and deviation: what was learnt is gone."""
    with torch.no_grad():
        for module in layer:
            for weights in module._parameters.values():
                if weights is not None and weights.is_floating_point():
                    spread = weights.std(correction=0).item() if weights.numel() else 0.0
                    noise = torch.randn(weights.shape, generator=generator)
                    weights.copy_(noise * spread + weights.mean())
