"""Find and hook the embedding modules that a text model runs, by watching one short forward pass."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ...errors import Incompatible
from ..devices import look_up
from .configuration import find_text_config

MAX_TOKENS = 8_192  # for a model that states no limit
SAMPLE = "Why did it say that?"
BATCH_FLOPS = 7e10  # about half a second on two cores: a cancelled run stops after the batch that it is in
BLOCK = 8_192  # rows of a table that are read at once


@dataclass(frozen=True)
class Table:
    """The embeddings (V, D) of all V ids, computed by the module when indexed because it may scale its weights."""

    module: torch.nn.Module

    def __len__(self) -> int:
        weight: Any = self.module.weight
        return len(weight)

    def __getitem__(self, ids: slice | Tensor) -> Tensor:
        wanted = torch.arange(*ids.indices(len(self))) if isinstance(ids, slice) else ids
        with torch.no_grad():
            return look_up(self.module, wanted)

    def blocks(self) -> Iterator[Tensor]:
        """Iterate over all rows in blocks (N, D), because a copy of a whole vocabulary is large."""
        return (self[first : first + BLOCK] for first in range(0, len(self), BLOCK))


@dataclass(frozen=True)
class Embedding:
    """A call of an embedding module in a model, with the ids (1, F) that it got."""

    module: torch.nn.Module
    ids: Tensor

    def first(self, length: int) -> "Embedding":
        """Keep the first `length` ids: Longformer pads its input at the end."""
        return Embedding(self.module, self.ids[..., :length])

    def of(self, ids: Tensor) -> Tensor:
        """Look up the embeddings (1, F, D) of ids (1, F)."""
        with torch.no_grad():
            return look_up(self.module, ids)

    @property
    def table(self) -> "Table":
        """The embeddings of all ids."""
        return Table(self.module)

    def average(self) -> Tensor:
        """Repeat the mean embedding of the table for each token, (F, D)."""
        table = self.table
        total = torch.stack([block.double().sum(0) for block in table.blocks()]).sum(0)
        return (total / len(table)).to(table[:1].dtype).expand(self.ids.shape[-1], -1)

    @contextmanager
    def replace_output(self, output: Tensor) -> Iterator[None]:
        """Return `output` (B, F, D) in place of the module's own output. Call under the model's lock."""
        used = False

        def hook(module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], own: Tensor) -> Tensor | None:
            nonlocal used
            ids, length = read_ids(args, kwargs), self.ids.shape[-1]
            if ids is None or not begins_with(ids, self.ids.expand(*ids.shape[:-1], length)):
                return None  # called by a decoder that shares the module with its encoder
            used = True
            new = output.to(own.device)
            return torch.cat([new, own[..., length:, :]], dim=-2) if ids.shape[-1] > length else new

        handle = self.module.register_forward_hook(hook, with_kwargs=True)
        try:
            yield
        finally:
            handle.remove()
        if not used:
            raise Incompatible("The model did not call its embedding layer as it does for plain text.")


@dataclass(frozen=True)
class JointEmbedding:
    """The embeddings of an encoder and its decoder as one: the source tokens, then the generated ones."""

    source: Embedding
    written: Embedding

    @property
    def ids(self) -> Tensor:
        """The ids (1, F) of source and generated tokens."""
        return torch.cat([self.source.ids, self.written.ids], dim=-1)

    def of(self, ids: Tensor) -> Tensor:
        """Look up the embeddings (1, F, D) of ids (1, F)."""
        length = self.source.ids.shape[-1]
        return torch.cat([self.source.of(ids[..., :length]), self.written.of(ids[..., length:])], dim=-2)

    @property
    def table(self) -> Table | None:
        """The embeddings of all ids, or None if encoder and decoder have different ones."""
        own, other = self.source.table, self.written.table
        if own.module is other.module:
            return own
        if len(own) != len(other) or not all(map(torch.equal, own.blocks(), other.blocks())):
            return None
        return own

    def average(self) -> Tensor:
        """Repeat the mean embedding of each half's table for each of its tokens, (F, D)."""
        return torch.cat([self.source.average(), self.written.average()])

    @contextmanager
    def replace_output(self, output: Tensor) -> Iterator[None]:
        """Return `output` (B, F, D) in place of the modules' own outputs. Call under the model's lock."""
        length = self.source.ids.shape[-1]
        with self.source.replace_output(output[:, :length]), self.written.replace_output(output[:, length:]):
            yield


@dataclass(frozen=True)
class EmbeddingProbe:
    """The embedding modules that a text model runs, its token limit, and what a batch of it costs."""

    word: torch.nn.Module
    position: torch.nn.Module | None  # None if positions have no table
    longest: int  # tokens
    weights: int  # number of parameters without embedding tables
    together: int = 64  # largest batch that the model accepts
    decoder: torch.nn.Module | None = None  # of the generated tokens, in an encoder-decoder model

    def batch(self, length: int) -> int:
        """Return the batch size for inputs of `length` tokens."""
        return max(1, min(self.together, int(BATCH_FLOPS / (2 * max(self.weights, 1) * length))))


def read_ids(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Tensor | None:
    """Return the ids that an embedding module was called with; None if it got only a shape (Marian's positions)."""
    ids = args[0] if args else next(iter(kwargs.values()))
    return ids.cpu() if isinstance(ids, Tensor) else None


def begins_with(ids: Tensor, own: Tensor) -> bool:
    """Return whether `ids` (…, N) are `own` (…, F), followed at most by one repeated id (padding)."""
    length = own.shape[-1]
    if ids.shape[-1] < length or not torch.equal(ids[..., :length], own):
        return False
    rest = ids[..., length:]
    return rest.numel() == 0 or bool((rest == rest.flatten()[0]).all())


def watch_calls(modules: Iterable[torch.nn.Module], run: Callable[[], Any]) -> tuple[Any, list[Embedding]]:
    """Return what `run` returns without gradients, and the calls of the modules in order."""
    calls: list[Embedding] = []

    def record(module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if (ids := read_ids(args, kwargs)) is not None:
            calls.append(Embedding(module, ids.detach().clone()))

    handles = [module.register_forward_pre_hook(record, with_kwargs=True) for module in dict.fromkeys(modules)]
    try:
        with torch.no_grad():
            return run(), calls
    finally:
        for handle in handles:
            handle.remove()


def encode_sample(model: Any, tokenizer: Any) -> dict[str, Tensor]:
    """Encode a short text (two for question answering), with a few decoder tokens for an encoder-decoder model."""
    texts = (SAMPLE, "It read that.") if "QuestionAnswering" in type(model).__name__ else (SAMPLE,)
    encoded = tokenizer(*texts, return_tensors="pt")
    inputs = {name: encoded[name] for name in tokenizer.model_input_names if name in encoded}
    if model.config.is_encoder_decoder and model.can_generate():
        start = model.config.decoder_start_token_id or 0
        written = inputs["input_ids"][:, :2] % _count_outputs(model)
        inputs["decoder_input_ids"] = torch.cat([torch.full_like(written[:, :1], start), written], dim=1)
    return inputs


def _count_outputs(model: Any) -> int:
    """Return the size of the vocabulary that a model generates, which may be smaller than that of its source."""
    return len(getattr(model.get_output_embeddings(), "weight", ())) or int(find_text_config(model).vocab_size)


def probe_embeddings(model: torch.nn.Module, tokenizer: Any, label: str) -> EmbeddingProbe:
    """Find the embedding modules of a loaded text model. Raises Incompatible if none gets the tokenizer's ids."""
    inputs = encode_sample(model, tokenizer)
    tables = [module for module in model.modules() if isinstance(module, torch.nn.Embedding)]
    output, calls = watch_calls(tables, lambda: model(**inputs))
    ids = inputs["input_ids"]
    word = next((e.module for e in calls if e.ids.ndim == 2 and begins_with(e.ids, ids)), None)
    if word is None:
        raise Incompatible(f"{label} has no embedding layer that gets the tokenizer's ids. Choose another model.")
    position = next((e for e in calls if e.module is not word and _count_up(e.ids, ids.shape[-1])), None)
    first = int(position.ids.flatten()[0]) if position else None
    return EmbeddingProbe(
        word=word,
        position=position.module if position else None,
        longest=_find_token_limit(model, tokenizer, position, first or 0),
        weights=sum(p.numel() for p in model.parameters()) - sum(table.weight.numel() for table in tables),
        together=1 if _needs_pads(model, output) else EmbeddingProbe.together,
        decoder=_find_decoder(model, calls, word, inputs),
    )


def _find_decoder(
    model: Any, calls: list[Embedding], word: torch.nn.Module, inputs: Mapping[str, Tensor]
) -> torch.nn.Module | None:
    """Find a decoder's word embedding: the table that got its ids, or the last like `word` that got other ids."""
    if not model.config.is_encoder_decoder:
        return None
    ids, written = inputs["input_ids"], inputs.get("decoder_input_ids")
    if written is not None and (own := next((call for call in calls if torch.equal(call.ids, written)), None)):
        return own.module
    rows: Any = word.weight
    others = (call.module for call in reversed(calls) if not begins_with(call.ids, ids))
    return next((module for module in others if getattr(module, "num_embeddings", 0) == len(rows)), None)


def _needs_pads(model: Any, output: Any) -> bool:
    """Return whether a classifier finds the last token by padding but has no pad token: GPT-2 then refuses a batch."""
    logits: Tensor | None = getattr(output, "logits", None)
    return getattr(model.config, "pad_token_id", None) is None and logits is not None and logits.dim() == 2


def _count_up(ids: Tensor, length: int) -> bool:
    """Return whether a single row of ids goes up by one for each token, apart from padding."""
    row = ids.flatten()
    if ids.shape[-1] != len(row) or len(row) < length or length < 2:
        return False
    return bool((row[:length].diff() == 1).all() and (row[length:] == row[-1]).all())


def _find_token_limit(model: Any, tokenizer: Any, position: Embedding | None, first: int) -> int:
    """Find how many tokens tokenizer and positions accept. RoBERTa never uses the first rows of its position table."""
    if position is not None:
        rows: Any = position.module.weight
        limit = len(rows) - first
    else:
        limit = getattr(find_text_config(model), "max_position_embeddings", None) or MAX_TOKENS
    return int(min(tokenizer.model_max_length, limit, MAX_TOKENS))
