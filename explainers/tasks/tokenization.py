"""From texts to a model's own inputs, its features with their places in the text, and the embeddings behind them.

Knows no task and no method. One tokenizer call makes everything: ids, types, mask, offsets, words.
"""

from bisect import bisect_right
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import torch
from torch import Tensor

from ..errors import BadRequest, Incompatible
from ..inputs.text import SPACE, find_sentence_ends, find_words, trim_span, word_at
from ..models.loading import Bundle
from ..models.probes.embeddings import Embedding, JointEmbedding, begins_with, watch_calls
from ..results.explanation import Feature
from ._scores import Unit

Truncation = Literal["longest_first", "only_first"]  # which of two texts is cut, in the tokenizer's words


@dataclass(frozen=True, kw_only=True)
class TextParams:
    """The settings that every task on text shares; methods that need no baseline do not see its three."""

    unit: Annotated[str, "The number that is explained."] = "probability"
    baseline: Annotated[
        Literal["pad", "mask", "unk", "zeros", "mean", "text"],
        "What the words are compared with: the model's padding, mask or unknown token, nothing at all, "
        "the average word, or a text of yours.",
    ] = "pad"
    baseline_text: Annotated[str, "The text to compare with, when the baseline is a text."] = ""
    embedding: Annotated[
        Literal["word", "position"], "Explain what the words say, or where in the text they stand."
    ] = "word"


@dataclass(frozen=True, kw_only=True)
class ScoreParams(TextParams):
    """The settings of a task whose numbers are those of classes."""

    unit: Annotated[Unit, "The number that is explained."] = "probability"


@dataclass(frozen=True)
class Encoded:
    """A tokenizer's output: model inputs (1, F) by name, a Feature each, and which are special, (F,).

    `asked` is what else the model is told, whatever the batch; it runs inside of `under`, a context made of it.
    """

    inputs: dict[str, Tensor]
    features: tuple[Feature, ...]
    special: Tensor
    notices: tuple[str, ...]
    forward_arguments: Mapping[str, Any] = field(default_factory=dict)
    context: Callable[[Any], AbstractContextManager[None]] = nullcontext

    def batch(self, size: int) -> dict[str, Any]:
        """The inputs, repeated without a copy: (size, F) each."""
        return {name: tensor.expand(size, -1) for name, tensor in self.inputs.items()} | dict(self.forward_arguments)


def encode(bundle: Bundle, texts: Mapping[str, str], cut: Truncation = "longest_first") -> Encoded:
    """One or two texts, by field, as the model itself would get them; cut to its limit with a notice."""
    rows = tokenize(bundle, texts, truncation=cut)
    notice = f"The model reads {bundle.embeddings.longest} tokens at most. Grey text behind them was not read."
    return encode_row(bundle, rows, texts, notices=(notice,) if len(rows.encodings) > 1 else ())


def tokenize(bundle: Bundle, texts: Mapping[str, str], **cut: Any) -> Any:
    """The tokenizer's own output, a row a window; `cut` says how it treats what is over the model's limit."""
    if not getattr(bundle.tokenizer, "is_fast", False):
        raise Incompatible(f"{bundle.card.label} has no fast tokenizer, so its tokens cannot be found in your text.")
    return bundle.tokenizer(
        *texts.values(),
        max_length=bundle.embeddings.longest,
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
        return_special_tokens_mask=True,
        **cut,
    )


def encode_row(
    bundle: Bundle, rows: Any, texts: Mapping[str, str], window: int = 0, notices: tuple[str, ...] = ()
) -> Encoded:
    """One row of what `tokenized` gave for the texts."""
    special = torch.tensor(rows["special_tokens_mask"][window], dtype=torch.bool)
    if special.all():
        raise BadRequest("The model reads no token in this text. Type a sentence.")
    return Encoded(
        inputs=make_inputs(bundle, rows, window),
        features=_make_features(rows.encodings[window], bundle.tokenizer, texts),
        special=special,
        notices=notices,
    )


def make_inputs(bundle: Bundle, rows: Any, window: int) -> dict[str, Tensor]:
    """What the model is given for one row, (1, F) each."""
    names = [name for name in bundle.tokenizer.model_input_names if name in rows]
    return {name: torch.tensor([rows[name][window]]) for name in names}


def _make_features(encoding: Any, tokenizer: Any, texts: Mapping[str, str]) -> tuple[Feature, ...]:
    fields = list(texts)
    words = {field: find_words(text) for field, text in texts.items()}
    ends = {field: find_sentence_ends(text) for field, text in texts.items()}
    rows = zip(encoding.ids, encoding.offsets, encoding.sequence_ids, encoding.special_tokens_mask, strict=True)
    features = []
    for token, (start, end), sequence, special in rows:
        field = fields[sequence] if sequence is not None else fields[0]
        if special or sequence is None:
            features.append(Feature(tokenizer.convert_ids_to_tokens(token), field, special=True))
            continue
        start, end = trim_span(texts[field], start, end)
        shown = tokenizer.convert_tokens_to_string([tokenizer.convert_ids_to_tokens(token)]).strip()
        if "\ufffd" in shown or not shown:  # a piece of a character, or a space
            shown = texts[field][start:end] or SPACE
        sentence = bisect_right(ends[field], start)
        features.append(Feature(shown, field, start, end, word_at(words[field], start), sentence=sentence))
    return tuple(features)


def run_model(bundle: Bundle, encoded: Encoded, kind: str) -> tuple[Any, Embedding | JointEmbedding]:
    """The model's own output for the encoded text, and the embeddings (of words or positions) that it read."""
    module, written = getattr(bundle.embeddings, kind), encoded.inputs.get("decoder_input_ids")
    if module is None or (written is not None and kind == "position"):
        raise Incompatible(f"{bundle.card.label} has no table of {kind} embeddings. Explain its words instead.")
    decoder = [] if written is None else [bundle.embeddings.decoder or module]
    with encoded.context(bundle.model):
        output, seen = watch_calls([module, *decoder], lambda: bundle.model(**encoded.batch(1)))
    if written is None:
        return output, seen[0].first(encoded.inputs["input_ids"].shape[-1])
    source, target = seen[0], seen[-1]
    if not torch.equal(target.ids, written) or (source.module is target.module and begins_with(source.ids, target.ids)):
        raise Incompatible(f"It cannot be told where {bundle.card.label} reads what it has written so far.")
    return output, JointEmbedding(source, target)


def make_baseline_ids(
    bundle: Bundle, encoded: Encoded, reading: TextParams, embedding: Embedding | JointEmbedding
) -> Tensor | None:
    """The ids (1, F) that the baseline reads, special tokens kept; None for a baseline that no token has."""
    if reading.embedding == "position":
        return torch.full_like(embedding.ids, int(embedding.ids.min()))
    if reading.baseline in ("zeros", "mean"):
        return None
    fill = torch.full_like(embedding.ids, _find_fill_id(bundle, encoded, reading))
    if reading.baseline == "text":
        own = bundle.tokenizer(reading.baseline_text, add_special_tokens=False)["input_ids"]
        places = (~encoded.special).nonzero().flatten()[: len(own)]
        fill[0, places] = torch.tensor(own[: len(places)], dtype=fill.dtype)
    return torch.where(encoded.special, embedding.ids, fill)


def _find_fill_id(bundle: Bundle, encoded: Encoded, reading: TextParams) -> int:
    wanted = "pad" if reading.baseline == "text" else reading.baseline
    for name in (wanted, "pad", "eos", "unk"):
        if (token := getattr(bundle.tokenizer, f"{name}_token_id", None)) is not None:
            return int(token)
    raise Incompatible(f"{bundle.card.label} has no {wanted} token. Take zeros as the baseline.")


def make_baseline(encoded: Encoded, embedding: Embedding | JointEmbedding, ids: Tensor | None, kind: str) -> Tensor:
    """The embeddings (1, F, D) that the text is compared with."""
    if ids is not None:
        return embedding.of(ids)
    own = embedding.of(embedding.ids)  # (1, F, D)
    other = embedding.average() if kind == "mean" else torch.zeros_like(own[0])
    return torch.where(encoded.special[:, None], own, other)
