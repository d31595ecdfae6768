"""Where a model's attention is: whether it can be had, and which columns of which layers are its values.

Knows no task and no method. Names only propose a value layer; what it does to the model's output decides.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
from torch import Tensor

Run = Callable[..., Any]  # the model's output for one sample, with further arguments of its forward

WHOLE = ("value", "value_proj", "v_proj", "v_lin", "v")  # layers that make values and nothing else
FUSED = ("c_attn", "query_key_value", "qkv", "qkv_proj", "Wqkv")  # queries, keys and values in one


@dataclass(frozen=True)
class Values:
    """The value layer of one attention: `columns` of what `module` gives at its call number `call` in a pass."""

    module: torch.nn.Module
    columns: Tensor
    call: int = 0
    part: str = ""  # encoder, decoder or cross in a model with two halves

    @contextmanager
    def changed(self, change: Callable[[Tensor], Tensor]) -> Iterator[None]:
        """Let `change` decide what the layer gives, (B, F, width); only under the model's lock."""
        calls = 0

        def hook(_: torch.nn.Module, __: Any, output: Tensor) -> Tensor | None:
            nonlocal calls
            calls += 1
            return change(output) if calls == self.call + 1 else None

        handle = self.module.register_forward_hook(hook)
        try:
            yield
        finally:
            handle.remove()

    def zeroed(self, tokens: Any = slice(None)) -> AbstractContextManager[None]:
        """A context in which the values of these tokens (an index into F) are zero."""

        def change(output: Tensor) -> Tensor:
            rows = output.new_zeros(output.shape[-2], 1, dtype=torch.bool)
            columns = output.new_zeros(output.shape[-1], dtype=torch.bool)
            rows[tokens], columns[self.columns] = True, True
            return output.masked_fill(rows & columns, 0.0)

        return self.changed(change)


@contextmanager
def untouched(model: torch.nn.Module) -> Iterator[None]:
    """Whatever hooks are left on the model go: transformers leaves its own when it is asked for attentions."""
    flag = "_output_capturing_hooks_installed"
    before = [(module, set(module._forward_hooks), flag in module.__dict__) for module in model.modules()]
    try:
        yield
    finally:
        for module, kept, marked in before:
            for key in set(module._forward_hooks) - kept:
                del module._forward_hooks[key]
            if not marked:
                module.__dict__.pop(flag, None)


def attentions(output: Any, part: str = "") -> tuple[Tensor, ...]:
    """The attentions (1, H, F, F) of an output, a layer each, of the encoder where there are two halves."""
    for name in (f"{part}_attentions",) if part else ("attentions", "encoder_attentions"):
        if found := output.get(name):
            return tuple(layer for layer in found if layer is not None)
    return ()


def states(output: Any, part: str = "") -> tuple[Tensor, ...]:
    """The states (B, F, H) before the first layer and after each, of the encoder where there are two halves."""
    if part:
        return tuple(output.get(f"{part}_hidden_states") or ())
    return tuple(output.get("hidden_states") or output.get("encoder_hidden_states") or ())


def why_none(layers: tuple[Tensor, ...], length: int | None, implementation: str | None) -> str | None:
    """Why these are no attentions from every feature to every other, (1, H, F, F); None if they are."""
    if not layers:
        if implementation not in (None, "eager"):
            return (
                f"It was loaded with {implementation} attention, which keeps no weights. Load it with eager attention."
            )
        return "It has no attention layers, or does not tell their weights."
    shapes = {tuple(layer.shape) for layer in layers}
    rows = {shape[-2:] for shape in shapes}
    if len(rows) > 1 or any(shape[0] != 1 or shape[-1] != shape[-2] for shape in shapes):
        return "Its attention looks at windows of the input, not from every feature to every other."
    if length is not None and layers[0].shape[-1] != length:
        return "Its attention is not between the tokens of the text."
    return None


def values_of(model: Any, run: Run) -> tuple[Values, ...]:
    """The value layers in the order in which they run; none if it is not proved that they are what they are called.

    The first of each name is put to the proof, and those of the same name have their values in the same columns.
    """
    named = {name: module for name, module in model.named_modules() if name.rpartition(".")[2] in (*WHOLE, *FUSED)}
    proved: dict[object, tuple[Tensor, str]] = {}
    found = []
    for name, call, width in _calls(named, run):
        parts = _parts(model, named[name])
        kind = (*parts, *name.split(".")[-2:])
        if kind not in proved:
            trials = product(_columns(model, name, width), parts)
            fitting = (trial for trial in trials if _prove(Values(named[name], trial[0], call, trial[1]), width, run))
            if (first := next(fitting, None)) is None:
                return ()
            proved[kind] = first
        found.append(Values(named[name], proved[kind][0], call, proved[kind][1]))
    return tuple(found)


def _calls(named: dict[str, torch.nn.Module], run: Run) -> list[tuple[str, int, int]]:
    """Each call of the modules, in order: the name, its number among the calls of the module, and the width given."""
    calls: list[tuple[str, int, int]] = []
    with ExitStack() as stack, torch.no_grad():
        for name, module in named.items():

            def note(_: Any, __: Any, output: Any, name: str = name) -> None:
                calls.append((name, sum(other == name for other, *_ in calls), output.shape[-1]))

            stack.callback(module.register_forward_hook(note).remove)
        run()
    return calls


def _columns(model: Any, name: str, width: int) -> list[Tensor]:
    """What may be the value columns of a layer's output."""
    if name.rpartition(".")[2] in WHOLE:
        return [torch.arange(width)]
    heads = getattr(model.config, "num_attention_heads", 1)
    groups = getattr(model.config, "num_key_value_heads", None) or heads
    each = width // (heads + 2 * groups)
    last = torch.arange(width - groups * each, width)  # queries, then keys, then values
    by_head = torch.arange(width).reshape(heads, -1)[:, -(width // heads // 3) :].flatten()  # the three, head by head
    return [last, by_head]


def _parts(model: Any, module: torch.nn.Module) -> list[str]:
    """Whose attention a layer may belong to."""
    if not model.config.is_encoder_decoder:
        return [""]
    encoder = any(module is other for other in model.get_encoder().modules())
    return ["encoder"] if encoder else ["cross", "decoder"]


def _prove(values: Values, width: int, run: Run) -> bool:
    """Whether these columns are the values, and all of them.

    Without them the model says something else, from the same attention; and then nothing else that comes from the
    layer matters, for attention to nothing is nothing.
    """
    rest = torch.ones(width)
    rest[values.columns] = 0.0
    with torch.no_grad():
        plain = run(output_attentions=True)
        with values.zeroed():
            without = run(output_attentions=True)
        with values.changed(lambda output: output * rest.to(output) * -0.5):
            otherwise = run(output_attentions=True)
    layers = zip(attentions(plain, values.part), attentions(without, values.part), strict=True)
    same = any(torch.equal(one, other) for one, other in layers)
    return same and not torch.equal(plain[0], without[0]) and torch.equal(without[0], otherwise[0])
