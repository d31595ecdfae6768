"""Where a text model really reads its tokens: found by watching one short forward pass, not by trusting names.

Knows no task and no method.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ...errors import Incompatible

LONGEST = 8_192  # tokens, for a model that names no limit
SAMPLE = "Why did it say that?"
BATCH_FLOPS = 7e10  # some half a second of work on two cores: a cancelled run stops within one pass of a batch
BLOCK = 8_192  # rows of a table that are looked at at once


@dataclass(frozen=True)
class Table:
    """What an embedding module gives for each of its V ids, looked up when asked for: it may scale its weights."""

    module: torch.nn.Module

    def __len__(self) -> int:
        weight: Any = self.module.weight
        return len(weight)

    def __getitem__(self, ids: slice | Tensor) -> Tensor:
        wanted = torch.arange(*ids.indices(len(self))) if isinstance(ids, slice) else ids
        with torch.no_grad():
            return self.module(wanted)  # type: ignore[no-any-return]

    def blocks(self) -> Iterator[Tensor]:
        """All rows, some at a time, (N, D): a copy of a whole vocabulary is large."""
        return (self[first : first + BLOCK] for first in range(0, len(self), BLOCK))


@dataclass(frozen=True)
class Embedding:
    """An embedding module that runs in a model, and the ids (1, F) that it is given."""

    module: torch.nn.Module
    ids: Tensor

    def first(self, length: int) -> "Embedding":
        """The same of the first `length` ids: Longformer's kin pad what they are given, behind it."""
        return Embedding(self.module, self.ids[..., :length])

    def of(self, ids: Tensor) -> Tensor:
        """The embeddings (1, F, D) of ids (1, F)."""
        with torch.no_grad():
            return self.module(ids)  # type: ignore[no-any-return]

    @property
    def table(self) -> "Table":
        """What the module gives for each id."""
        return Table(self.module)

    def average(self) -> Tensor:
        """The mean of all embeddings there are, for each token, (F, D)."""
        table = self.table
        total = torch.stack([block.double().sum(0) for block in table.blocks()]).sum(0)
        return (total / len(table)).to(table[:1].dtype).expand(self.ids.shape[-1], -1)

    @contextmanager
    def replaced(self, output: Tensor) -> Iterator[None]:
        """Let `output` (B, F, D) stand for what the module returns; only under the model's lock."""
        used = False

        def hook(module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], own: Tensor) -> Tensor | None:
            nonlocal used
            ids, length = given(args, kwargs), self.ids.shape[-1]
            if ids is None or not begins(ids, self.ids.expand(*ids.shape[:-1], length)):
                return None  # a decoder that shares the module with its encoder
            used = True
            return torch.cat([output, own[..., length:, :]], dim=-2) if ids.shape[-1] > length else output

        handle = self.module.register_forward_hook(hook, with_kwargs=True)
        try:
            yield
        finally:
            handle.remove()
        if not used:
            raise Incompatible("The model did not read its embeddings where it reads them for plain text.")


@dataclass(frozen=True)
class Both:
    """The embeddings of a model with two halves as one: the tokens that it reads, then those that it has written."""

    source: Embedding
    written: Embedding

    @property
    def ids(self) -> Tensor:
        """The ids (1, F) of both."""
        return torch.cat([self.source.ids, self.written.ids], dim=-1)

    def of(self, ids: Tensor) -> Tensor:
        """The embeddings (1, F, D) of ids (1, F)."""
        length = self.source.ids.shape[-1]
        return torch.cat([self.source.of(ids[..., :length]), self.written.of(ids[..., length:])], dim=-2)

    @property
    def table(self) -> Table | None:
        """What both modules give for each id; None if they differ."""
        own, other = self.source.table, self.written.table
        if own.module is other.module:
            return own
        if len(own) != len(other) or not all(map(torch.equal, own.blocks(), other.blocks())):
            return None
        return own

    def average(self) -> Tensor:
        """The mean of all embeddings that each half has, for each token, (F, D)."""
        return torch.cat([self.source.average(), self.written.average()])

    @contextmanager
    def replaced(self, output: Tensor) -> Iterator[None]:
        """Let `output` (B, F, D) stand for what the modules return; only under the model's lock."""
        length = self.source.ids.shape[-1]
        with self.source.replaced(output[:, :length]), self.written.replaced(output[:, length:]):
            yield


@dataclass(frozen=True)
class Anatomy:
    """The embedding modules that run for words and for positions (None if there is none), and the most tokens."""

    word: torch.nn.Module
    position: torch.nn.Module | None
    longest: int
    weights: int  # parameters that multiply, tables not counted
    together: int = 64  # inputs that the model takes at once
    decoder: torch.nn.Module | None = None  # what reads the words that a model with two halves has written so far
    first_position: int | None = None  # of a text's first token: 2 for RoBERTa's kin

    def batch(self, length: int) -> int:
        """How many inputs of `length` tokens make one batch."""
        return max(1, min(self.together, int(BATCH_FLOPS / (2 * max(self.weights, 1) * length))))


def given(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Tensor | None:
    """The ids that an embedding module was called with; None for one that is told a shape only, as Marian's is."""
    ids = args[0] if args else next(iter(kwargs.values()))
    return ids if isinstance(ids, Tensor) else None


def begins(ids: Tensor, own: Tensor) -> bool:
    """Whether `ids` (…, N) are `own` (…, F), but for one and the same id behind them: padding."""
    length = own.shape[-1]
    if ids.shape[-1] < length or not torch.equal(ids[..., :length], own):
        return False
    rest = ids[..., length:]
    return rest.numel() == 0 or bool((rest == rest.flatten()[0]).all())


def watched(modules: Iterable[torch.nn.Module], run: Callable[[], Any]) -> tuple[Any, list[Embedding]]:
    """What `run` returns, and each call of one of the modules in their order."""
    seen: list[Embedding] = []

    def note(module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if (ids := given(args, kwargs)) is not None:
            seen.append(Embedding(module, ids.detach().clone()))

    handles = [module.register_forward_pre_hook(note, with_kwargs=True) for module in dict.fromkeys(modules)]
    try:
        with torch.no_grad():
            return run(), seen
    finally:
        for handle in handles:
            handle.remove()


def sample(model: Any, tokenizer: Any) -> dict[str, Tensor]:
    """The inputs of a short text, or of two for whoever answers questions; and a few words that a translator wrote."""
    texts = (SAMPLE, "It read that.") if "QuestionAnswering" in type(model).__name__ else (SAMPLE,)
    encoded = tokenizer(*texts, return_tensors="pt")
    inputs = {name: encoded[name] for name in tokenizer.model_input_names if name in encoded}
    if model.config.is_encoder_decoder and model.can_generate():
        start = model.config.decoder_start_token_id or 0
        written = inputs["input_ids"][:, :2]
        inputs["decoder_input_ids"] = torch.cat([torch.full_like(written[:, :1], start), written], dim=1)
    return inputs


def probe(model: torch.nn.Module, tokenizer: Any, label: str) -> Anatomy:
    """The anatomy of a loaded text model. Raises Incompatible if no embedding takes the tokens as they are."""
    named = sample(model, tokenizer)
    tables = [module for module in model.modules() if isinstance(module, torch.nn.Embedding)]
    output, seen = watched(tables, lambda: model(**named))
    ids = named["input_ids"]
    word = next((e.module for e in seen if e.ids.ndim == 2 and begins(e.ids, ids)), None)
    if word is None:
        raise Incompatible(f"{label} has no embedding layer that takes the tokens as they are.")
    position = next((e for e in seen if e.module is not word and _counts(e.ids, ids.shape[-1])), None)
    first = int(position.ids.flatten()[0]) if position else None
    return Anatomy(
        word=word,
        position=position.module if position else None,
        longest=_longest(model, tokenizer, position, first or 0),
        weights=sum(p.numel() for p in model.parameters()) - sum(table.weight.numel() for table in tables),
        together=1 if _needs_pads(model, output) else Anatomy.together,
        decoder=_decoder(model, seen, word, ids),
        first_position=first,
    )


def _decoder(model: Any, seen: list[Embedding], word: torch.nn.Module, ids: Tensor) -> torch.nn.Module | None:
    """The module that reads a decoder's words: the last of those as wide as the words' own table, with other ids."""
    if not model.config.is_encoder_decoder:
        return None
    rows: Any = word.weight
    alike = [e.module for e in seen if getattr(e.module, "num_embeddings", 0) == len(rows) and not begins(e.ids, ids)]
    return alike[-1] if alike else None


def _needs_pads(model: Any, output: Any) -> bool:
    """Whether a classifier looks for its text's last token by pads and has none: GPT-2's kin refuse two texts then."""
    logits: Tensor | None = getattr(output, "logits", None)
    return getattr(model.config, "pad_token_id", None) is None and logits is not None and logits.dim() == 2


def _counts(ids: Tensor, length: int) -> bool:
    """Whether ids, one row of them, go up by one for each token, padding left aside."""
    row = ids.flatten()
    if ids.shape[-1] != len(row) or len(row) < length or length < 2:
        return False
    return bool((row[:length].diff() == 1).all() and (row[length:] == row[-1]).all())


def _longest(model: Any, tokenizer: Any, position: Embedding | None, first: int) -> int:
    """The most tokens that tokenizer and positions take; RoBERTa's kin never use the first rows of their table."""
    if position is not None:
        rows: Any = position.module.weight
        limit = len(rows) - first
    else:
        limit = getattr(model.config, "max_position_embeddings", None) or LONGEST
    return int(min(tokenizer.model_max_length, limit, LONGEST))
