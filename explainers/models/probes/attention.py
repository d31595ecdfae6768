"""Read attention weights and hidden states from a model's output, and find the value projections of its attention.

Names only propose a value projection; its effect on the model's output verifies it.
"""

import inspect
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import torch
from torch import Tensor

from .configuration import count_heads, find_text_config

Run = Callable[..., Any]  # runs the model on one sample, with further arguments of its forward

VALUE_NAMES = ("value", "value_proj", "v_proj", "v_lin", "v")  # modules that compute values only
FUSED_NAMES = ("c_attn", "query_key_value", "qkv", "qkv_proj", "Wqkv")  # queries, keys and values together


@dataclass(frozen=True)
class ValueProjection:
    """The values of one attention layer: `columns` of the output of `module`'s call number `call` in a forward pass."""

    module: torch.nn.Module
    columns: Tensor
    call: int = 0
    part: str = ""  # encoder, decoder or cross in an encoder-decoder model

    @contextmanager
    def replace_output(self, change: Callable[[Tensor], Tensor]) -> Iterator[None]:
        """Replace the module's output (B, F, width) by `change` of it. Call under the model's lock."""
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

    def zero(self, tokens: Any = slice(None)) -> AbstractContextManager[None]:
        """Set the values of these tokens (an index into F) to zero."""

        def change(output: Tensor) -> Tensor:
            rows = output.new_zeros(output.shape[-2], 1, dtype=torch.bool)
            columns = output.new_zeros(output.shape[-1], dtype=torch.bool)
            rows[tokens], columns[self.columns] = True, True
            return output.masked_fill(rows & columns, 0.0)

        return self.replace_output(change)


@contextmanager
def restore_hooks(model: torch.nn.Module) -> Iterator[None]:
    """Remove the hooks that were added meanwhile: transformers leaves its own when attentions are requested."""
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


def read_attentions(output: Any, part: str = "") -> tuple[Tensor, ...]:
    """Return the attention weights (1, H, F, F) of each layer, by default of an encoder-decoder model's encoder."""
    for name in (f"{part}_attentions",) if part else ("attentions", "encoder_attentions"):
        if found := output.get(name):
            layers = tuple(layer for layer in found if layer is not None)
            whole = all(isinstance(layer, Tensor) and layer.dim() == 4 for layer in layers)
            return layers if whole else ()  # PVTv2 gives a tuple for each stage
    return ()


def run_with_attentions(model: Any, run: Run) -> tuple[Tensor, ...]:
    """Run the model and return its attention weights (1, H, F, F) of each layer; none if its forward returns none."""
    parameters = inspect.signature(model.forward).parameters.values()
    if not any(one.name == "output_attentions" or one.kind is one.VAR_KEYWORD for one in parameters):
        return ()
    with torch.no_grad():
        return read_attentions(run(output_attentions=True))


def read_states(output: Any, part: str = "") -> tuple[Tensor, ...]:
    """Return the hidden states (B, F, H) before the first layer and after each, by default of the encoder."""
    if part:
        return tuple(output.get(f"{part}_hidden_states") or ())
    return tuple(output.get("hidden_states") or output.get("encoder_hidden_states") or ())


def explain_missing(layers: tuple[Tensor, ...], length: int | None, implementation: str | None) -> str | None:
    """Return why the layers are not attention between all features, (1, H, F, F), or None if they are."""
    if not layers or any(layer.dim() != 4 for layer in layers):  # RWKV's "attentions" are states
        if implementation not in (None, "eager"):
            return (
                f"It was loaded with {implementation} attention, which does not return its weights. "
                "Load it with attn_implementation='eager'."
            )
        return "It has no attention layers, or does not return their weights."
    shapes = {tuple(layer.shape) for layer in layers}
    rows = {shape[-2:] for shape in shapes}
    if len(rows) > 1 or any(shape[0] != 1 or shape[-1] != shape[-2] for shape in shapes):
        return "Its attention is limited to windows of the input."
    if length is not None and layers[0].shape[-1] != length:
        return "Its attention is not between the tokens of the text."
    return None


def find_value_projections(model: Any, run: Run) -> tuple[ValueProjection, ...]:
    """Find the value projections in the order in which they run, or none if one cannot be verified.

    One layer per name is verified; layers of the same name share its column layout.
    """
    names = (*VALUE_NAMES, *FUSED_NAMES)
    named = {name: module for name, module in model.named_modules() if name.rpartition(".")[2] in names}
    verified: dict[object, ValueProjection] = {}
    found = []
    for name, call, width in _record_calls(named, run):
        parts = _propose_parts(model, named[name])
        kind = (*parts, *name.split(".")[-2:])
        if kind not in verified:
            proposals = product(_propose_columns(model, name, width), parts)
            proposed = (ValueProjection(named[name], columns, call, part) for columns, part in proposals)
            if (first := next((one for one in proposed if _verify(one, width, run)), None)) is None:
                return ()
            verified[kind] = first
        found.append(replace(verified[kind], module=named[name], call=call))
    return tuple(found)


def _record_calls(named: dict[str, torch.nn.Module], run: Run) -> list[tuple[str, int, int]]:
    """Record the calls of the modules in order: name, number among the calls of that module, width of the output."""
    calls: list[tuple[str, int, int]] = []
    with ExitStack() as stack, torch.no_grad():
        for name, module in named.items():

            def record(_: Any, __: Any, output: Any, name: str = name) -> None:
                calls.append((name, sum(other == name for other, *_ in calls), output.shape[-1]))

            stack.callback(module.register_forward_hook(record).remove)
        run()
    return calls


def _propose_columns(model: Any, name: str, width: int) -> list[Tensor]:
    """Propose the value columns of a module's output, (width,)."""
    if name.rpartition(".")[2] in VALUE_NAMES:
        return [torch.arange(width)]
    config = find_text_config(model)
    heads = count_heads(config) or 1
    groups = getattr(config, "num_key_value_heads", None) or heads
    each = width // (heads + 2 * groups)
    last = torch.arange(width - groups * each, width)  # queries, then keys, then values
    by_head = torch.arange(width).reshape(heads, -1)[:, -(width // heads // 3) :].flatten()  # the three, head by head
    return [last, by_head]


def _propose_parts(model: Any, module: torch.nn.Module) -> list[str]:
    """Propose the part of the model that a value projection belongs to."""
    if not getattr(model.config, "is_encoder_decoder", False):
        return [""]
    encoder = any(module is other for other in model.get_encoder().modules())
    return ["encoder"] if encoder else ["cross", "decoder"]


def _verify(values: ValueProjection, width: int, run: Run) -> bool:
    """Return whether these columns are the values, and all of them.

    Zeroing them must change the output but not the attention weights. Zeroing every value column must also make the
    output independent of the layer's other columns.
    """
    rest = torch.ones(width)
    rest[values.columns] = 0.0
    with torch.no_grad():
        plain = run(output_attentions=True)
        with values.zero():
            without = run(output_attentions=True)
        with values.replace_output(lambda output: output * rest.to(output) * -0.5):
            otherwise = run(output_attentions=True)
    layers = zip(read_attentions(plain, values.part), read_attentions(without, values.part), strict=True)
    same = any(torch.equal(one, other) for one, other in layers)
    return same and not torch.equal(plain[0], without[0]) and torch.equal(without[0], otherwise[0])
