"""Model randomisation test: randomise the weights layer by layer from the head down, and compare the explanations.

Adebayo et al. 2018, arXiv:1810.03292. It works on a copy of the model; the shared one stays as it is.
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
from .agreement import find_row, measure_agreement
from .generation_requests import force_output, get_output_field

MOST_STEPS = 12  # explanations of randomised models; in a deeper model several layers are randomised at once
Modules = list[torch.nn.Module]
Answer = TypeVar("Answer")


def randomise_model(
    request: Request, *, row: int = 0, bundle: Bundle | None = None, progress: Progress = quiet
) -> tuple[RandomizationStep, ...]:
    """Compare the explanation of target `row` with those of the model with more and more layers randomised.

    The steps go from the head down; after the last one all weights are random. Raises LimitReached if there is no
    memory for a copy of the model.
    """
    original = explain(request, bundle=bundle, progress=progress)
    pinned = pin_target(original, row)
    return _use_copy(
        pinned, bundle, progress, lambda copied: _randomise_layers(original, pinned, row, copied, progress)
    )


def _randomise_layers(
    original: Explanation, request: Request, row: int, bundle: Bundle, progress: Progress
) -> tuple[RandomizationStep, ...]:
    """Randomise the model of `bundle` step by step, and measure each explanation's agreement with the original."""
    deadline = time.monotonic() + settings().seconds
    layers, generator = _find_layers(bundle, request), torch.Generator().manual_seed(request.seed)
    steps: list[RandomizationStep] = []
    for done, (name, layer) in enumerate(layers):
        if time.monotonic() > deadline:
            raise Overdue(f"Stopped after {done} of {len(layers)} layers: the time limit for one check is over.")
        randomise_layer(layer, generator)
        report = _report_layer(progress, f"Randomised from the head down to {name}", done, len(layers))
        explanation = explain(request, bundle=bundle, progress=report)
        steps.append(RandomizationStep(name, _compare(original, explanation, row)))
    return tuple(steps)


def pin_target(explanation: Explanation, row: int = 0) -> Request:
    """Return the request that explains the target of `row`, whatever another model or text would predict."""
    target, request, prediction = explanation.targets[row], explanation.request, explanation.prediction
    if prediction.alternatives:  # generated text: the other model is forced to generate the same
        return request if request.texts.get(get_output_field(request)) else force_output(request, prediction)
    if prediction.text:  # an answer is named by its words
        pinned = Target(label=target.text, foil=target.foil)
    elif target.position is not None:
        pinned = Target(label=target.label, position=target.position, foil=target.foil)
    else:
        pinned = Target(index=target.index, foil=target.foil)
    return replace(request, target=pinned)


def _compare(original: Explanation, explanation: Explanation, row: int) -> Agreement:
    """Measure the agreement of target `row` with the same target of the explanation, or with its first one."""
    other = find_row(explanation, original.targets[row])
    return measure_agreement(original, explanation, (row, other if other is not None else 0))


def _report_layer(progress: Progress, text: str, done: int, count: int) -> Progress:
    """Make the progress callback of one layer out of `count`."""
    return lambda _, share: progress(text, (done + share) / count)


def _use_copy(request: Request, bundle: Bundle | None, progress: Progress, use: Callable[[Bundle], Answer]) -> Answer:
    """Run `use` on a private copy of the model, which counts in the memory for models while it lives.

    Expected errors are raised again without their traceback, so that no frame keeps the copy in memory.
    """
    with ExitStack() as stack:
        with borrow(request, bundle, progress) as borrowed:
            model = borrowed.model
            size = sum(p.numel() * p.element_size() for p in (*model.parameters(), *model.buffers()))
            stack.enter_context(model_cache().reserve(size, f"a second {borrowed.card.label}"))
            copied = Bundle(borrowed.card, copy.deepcopy(model), borrowed.tokenizer, borrowed.processor)
            del borrowed, model  # else this frame would keep a model that the cache may drop
        try:
            return use(copied)
        except ExplainerError as error:
            raise error.with_traceback(None) from None
        finally:
            del copied


def _find_layers(bundle: Bundle, request: Request) -> list[tuple[str, Modules]]:
    """Return the layers that run for the request, from the head down, each as modules with weights of their own."""
    names = {module: name for name, module in bundle.model.named_modules() if module._parameters}
    order: dict[torch.nn.Module, None] = {}

    def record(module: torch.nn.Module, *_: Any) -> None:
        order.pop(module, None)  # the last run of a module counts
        order[module] = None

    handles = [module.register_forward_pre_hook(record) for module in names]
    try:
        predict(request, bundle=bundle)
    finally:
        for handle in handles:
            handle.remove()
    layers = [(name, list(group)) for name, group in groupby(reversed(order), lambda module: name_layer(names[module]))]
    counts = Counter(name for name, _ in layers)
    unique = [(name if counts[name] == 1 else names[group[-1]], group) for name, group in layers]
    return _group_layers(unique, MOST_STEPS)


def name_layer(name: str) -> str:
    """Return the layer that a module belongs to: its name up to the first number, or else its parent."""
    parts = name.split(".")
    for place, part in enumerate(parts):
        if part.isdecimal():
            return ".".join(parts[: place + 1])
    return ".".join(parts[:-1]) or name


def _group_layers(layers: Sequence[tuple[str, Modules]], most: int) -> list[tuple[str, Modules]]:
    """Merge neighbouring layers until there are at most `most`; a group has the name of its lowest layer."""
    size = math.ceil(len(layers) / most)
    groups = [layers[i : i + size] for i in range(0, len(layers), size)]
    return [(group[-1][0], [module for _, layer in group for module in layer]) for group in groups]


def randomise_layer(layer: Modules, generator: torch.Generator) -> None:
    """Replace the weights of a layer by Gaussian noise with the mean and standard deviation of each tensor."""
    with torch.no_grad():
        for module in layer:
            for weights in module._parameters.values():
                if weights is not None and weights.is_floating_point():
                    deviation = weights.std(correction=0).item() if weights.numel() else 0.0
                    noise = torch.randn(weights.shape, generator=generator, dtype=torch.float32).to(weights.device)
                    weights.copy_(noise * deviation + weights.mean())
