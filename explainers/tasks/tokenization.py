"""Encode texts into model inputs and features with their places in the text, and read the embeddings behind them.

One tokenizer call makes everything: ids, token types, mask, offsets and words.
"""

from bisect import bisect_right
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import torch
from torch import Tensor

from ..errors import BadRequest, Incompatible
from ..inputs.text import SPACE, find_sentence_ends, find_word_index, find_words, trim_span
from ..models.loading import Bundle
from ..models.probes.embeddings import Embedding, check_rows, count_rows, watch_calls, watch_sum
from ..models.probes.fences import fence_forward, fence_tokenizer
from ..results.explanation import Feature
from ._python_tokenizer import tokenize_in_python
from ._scores import UnitParam

IDS = ("input_ids", "decoder_input_ids")
Truncation = Literal["longest_first", "only_first"]  # which of two texts is cut, in the tokenizer's words


@dataclass(frozen=True, kw_only=True)
class TextParams:
    """The settings of every task on text. The last three are only for methods that need a baseline or embeddings."""

    unit: Annotated[str, "The number to explain."] = "probability"
    baseline: Annotated[
        Literal["pad", "mask", "unk", "zeros", "mean", "text"],
        "Baseline: padding, mask or unknown token, zero embedding, mean embedding, or your own text.",
    ] = "pad"
    baseline_text: Annotated[str, "Your own text, if Baseline is text."] = ""
    embedding: Annotated[
        Literal["word", "position", "all"],
        "Explain the words themselves, their positions in the text, or all that the model adds up for each token.",
    ] = "word"


@dataclass(frozen=True, kw_only=True)
class ScoreParams(TextParams):
    """The settings of a task that explains scores of classes."""

    unit: UnitParam = "probability"


@dataclass(frozen=True)
class Encoded:
    """A tokenizer's output for one sequence: inputs (1, F) by name, a Feature for each token, and which are special.

    `special` has shape (F,). The model runs with `forward_arguments`, which do not depend on the batch, inside the
    context that `context` makes of it.
    """

    inputs: dict[str, Tensor]
    features: tuple[Feature, ...]
    special: Tensor
    notices: tuple[str, ...]
    forward_arguments: Mapping[str, Any] = field(default_factory=dict)
    context: Callable[[Any], AbstractContextManager[None]] = nullcontext

    @property
    def parts(self) -> list[Tensor]:
        """The ids (1, N) of the text, and those that follow it in the decoder of an encoder-decoder model, if any."""
        return [self.inputs[name] for name in IDS if name in self.inputs]

    def batch(self, size: int) -> dict[str, Any]:
        """Return the inputs expanded to (size, F) without a copy, and the other arguments."""
        inputs = {name: tensor.expand(size, -1) for name, tensor in self.inputs.items()}
        return inputs | dict(self.forward_arguments)


def encode(bundle: Bundle, texts: Mapping[str, str], cut: Truncation = "longest_first") -> Encoded:
    """Encode one or two texts, by field, as the model expects them; a notice says if they are cut to its limit."""
    rows = tokenize(bundle, texts, truncation=cut)
    end = "beginning" if bundle.tokenizer.truncation_side == "left" else "end"
    notice = f"The model reads at most {bundle.embeddings.longest} tokens. The grey text at the {end} was not read."
    return encode_row(bundle, rows, texts, notices=(notice,) if len(rows.encodings) > 1 else ())


def tokenize(bundle: Bundle, texts: Mapping[str, str], **options: Any) -> Any:
    """Return the tokenizer's output, one row a window; `options` say how it cuts texts beyond the model's limit."""
    if bundle.tokenizer is None:
        raise Incompatible(f"{bundle.card.label} has an image processor and no tokenizer, so it cannot read texts.")
    longest = bundle.embeddings.longest
    with fence_tokenizer(bundle.card.label):
        if not bundle.tokenizer.is_fast:
            return tokenize_in_python(bundle.tokenizer, [*texts.values()], longest, **options)
        return bundle.tokenizer(
            *texts.values(),
            max_length=longest,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
            return_special_tokens_mask=True,
            **options,
        )


def encode_row(
    bundle: Bundle, rows: Any, texts: Mapping[str, str], window: int = 0, notices: tuple[str, ...] = ()
) -> Encoded:
    """Return one row of the output of `tokenize` for the texts."""
    special = torch.tensor(rows["special_tokens_mask"][window], dtype=torch.bool)
    if special.all():
        raise BadRequest("The text has no token that the model can read. Type a sentence.")
    return Encoded(
        inputs=make_inputs(bundle, rows, window),
        features=_make_features(rows.encodings[window], bundle.tokenizer, texts),
        special=special,
        notices=notices,
    )


def make_inputs(bundle: Bundle, rows: Any, window: int) -> dict[str, Tensor]:
    """Return the model's inputs for one row, (1, F) each."""
    names = [name for name in bundle.tokenizer.model_input_names if name in rows]
    check_rows(bundle.model, bundle.tokenizer, rows["input_ids"][window], bundle.card.label)
    return {name: torch.tensor([rows[name][window]]) for name in names}


def _make_features(encoding: Any, tokenizer: Any, texts: Mapping[str, str]) -> tuple[Feature, ...]:
    fields = list(texts)
    words = {field: find_words(text) for field, text in texts.items()}
    ends = {field: find_sentence_ends(text) for field, text in texts.items()}
    rows = zip(encoding.ids, encoding.offsets, encoding.sequence_ids, encoding.special_tokens_mask, strict=True)
    features = []
    for token, span, sequence, special in rows:
        field = fields[sequence] if sequence is not None else fields[0]
        if special or sequence is None:
            features.append(Feature(tokenizer.convert_ids_to_tokens(token), field, special=True))
            continue
        shown = tokenizer.convert_tokens_to_string([tokenizer.convert_ids_to_tokens(token)]).strip()
        if span is None:  # the tokenizer cannot tell its place
            features.append(Feature(shown or SPACE, field))
            continue
        start, end = trim_span(texts[field], *span)
        if "\ufffd" in shown or not shown:  # bytes of a character, or a space
            shown = texts[field][start:end] or SPACE
        sentence = bisect_right(ends[field], start)
        features.append(Feature(shown, field, start, end, find_word_index(words[field], start), sentence=sentence))
    return tuple(features)


def run_model(bundle: Bundle, encoded: Encoded, kind: str) -> tuple[Any, Embedding]:
    """Run the model on the encoded text; return its output and the embeddings, of `kind` word, position or all.

    The embeddings have no readers if the model can only be run on ids.
    """
    probe, parts = bundle.embeddings, encoded.parts

    def run() -> Any:
        return bundle.model(**encoded.batch(1))

    with fence_forward(bundle.card.label), encoded.context(bundle.model):
        if kind == "word":
            output, embedding = probe.watch(parts, run)
            return output, embedding
        if kind == "all" and probe.all is not None and probe.word is not None and len(parts) == 1:
            return watch_sum(probe.all, probe.word, parts[0], run)
        if kind == "all" or probe.position is None or len(parts) > 1:
            missing = "layer that adds up all its" if kind == "all" else f"table of {kind}"
            raise Incompatible(f"{bundle.card.label} has no {missing} embeddings. Explain its words instead.")
        output, calls = watch_calls([probe.position], run)
    return output, calls[0].first(parts[0].shape[-1])


def make_baseline_ids(bundle: Bundle, encoded: Encoded, params: TextParams, embedding: Embedding) -> Tensor | None:
    """Return the ids (1, F) of the baseline, which keeps special tokens; None if no tokens make it."""
    if params.embedding == "position":
        return torch.full_like(embedding.ids, int(embedding.ids.min()))
    if params.baseline in ("zeros", "mean"):
        return None
    ids = torch.full_like(embedding.ids, find_fill_id(bundle, params))
    if params.baseline == "text":
        own = bundle.tokenizer(params.baseline_text, add_special_tokens=False)["input_ids"]
        places = (~encoded.special).nonzero().flatten()[: len(own)]
        ids[0, places] = torch.tensor(own[: len(places)], dtype=ids.dtype)
    return torch.where(encoded.special, embedding.ids, ids)


def describe_cut_baseline(bundle: Bundle, encoded: Encoded, params: TextParams) -> tuple[str, ...]:
    """Return a notice if the baseline's own text has more tokens than the text that it replaces."""
    if params.baseline != "text" or params.embedding == "position":
        return ()
    own = bundle.tokenizer(params.baseline_text, add_special_tokens=False)["input_ids"]
    count = int((~encoded.special).sum())
    if len(own) <= count:
        return ()
    rest = bundle.tokenizer.decode(own[count:])[:60]
    return (f"The baseline text has {len(own)} tokens, and the text has {count}: its end is cut off, {rest!r}.",)


def find_fill_id(bundle: Bundle, params: TextParams) -> int:
    """Return the id of the token that the baseline has in the place of each token of the text."""
    wanted = "pad" if params.baseline == "text" else params.baseline
    for name in (wanted, "pad", "eos", "unk"):
        token = getattr(bundle.tokenizer, f"{name}_token_id", None)
        if token is not None and token < count_rows(bundle.model):
            return int(token)
    raise Incompatible(f"{bundle.card.label} has no {wanted} token. Set Baseline to zeros.")


def describe_baseline(bundle: Bundle, params: TextParams) -> str:
    """Name the token or embedding that a baseline puts in the place of each token."""
    if params.baseline in ("zeros", "mean"):
        return f"the {'zero' if params.baseline == 'zeros' else 'mean'} embedding"
    return f"the token {bundle.tokenizer.convert_ids_to_tokens(find_fill_id(bundle, params))}"


def make_baseline(encoded: Encoded, embedding: Embedding, ids: Tensor | None, kind: str) -> Tensor:
    """Return the baseline's embeddings (1, F, D): those of `ids`, or else of `kind` zeros or mean."""
    if ids is not None:
        return embedding.of(ids)
    own = embedding.of(embedding.ids)  # (1, F, D)
    other = embedding.average() if kind == "mean" else torch.zeros_like(own[0])
    return torch.where(encoded.special[:, None], own, other)
