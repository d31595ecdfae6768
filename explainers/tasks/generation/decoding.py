"""Writing: the tokens that a model goes on with, by itself or as a person forces it to, with their places.

Knows no method. The model writes by its own `generate`; chance comes from a generator of ours.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import regex
import torch
from torch import Tensor
from transformers import LogitsProcessor, StoppingCriteria, TopPLogitsWarper

from ...errors import BadRequest, EndsAtOnce, LimitReached
from ...inputs.text import SPACE, find_words, trim_span, word_at
from ...models.loading import Bundle
from ...registry import Range
from ...request import Request
from ...results.explanation import Feature
from ..tokenization import TextParams
from .prompts import Prompt

# Letters and digits of scripts that put a space between words.
SPACED = regex.compile(r"(?V1)[[\p{L}\p{N}]--[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]]")
HALF = "\ufffd"  # what a tokenizer makes of a part of a character


@dataclass(frozen=True, kw_only=True)
class GenerationParams(TextParams):
    """The settings of tasks that write."""

    unit: Annotated[
        Literal[
            "probability",
            "logit",
            "log_probability",
            "cross_entropy",
            "perplexity",
            "entropy",
            "top_p_size",
            "kl_divergence",
            "p_cxmi",
            "in_context_pvi",
            "dropout_spread",
        ],
        "The number of each written token that is explained.",
    ] = "probability"
    baseline: Annotated[
        Literal["pad", "mask", "unk", "zeros", "mean", "text"],
        "What the words are compared with: the model's padding, mask or unknown token, nothing at all, "
        "the average word, or a text of yours.",
    ] = "unk"
    strategy: Annotated[
        Literal["greedy", "sample"], "Write the most probable token each time, or draw one by its probability."
    ] = "greedy"
    temperature: Annotated[float, Range(0.05, 5), "Of a sample: below 1 bolder tokens are rarer."] = 1.0
    top_p: Annotated[float, Range(0.01, 1), "Of a sample: draw only from the tokens that make up this share."] = 1.0
    most_new_tokens: Annotated[int, Range(1, 512), "The most tokens that the model writes."] = 20
    start: Annotated[int, Range(1, 10_000), "The first written token that is explained, counted from 1."] = 1
    end: Annotated[int, Range(0, 10_000), "The last written token that is explained; 0 for the last of all."] = 0
    alignment: Annotated[
        str,
        "Which tokens are set against which of a text to contrast with: auto, or pairs like 1:1, 2:3, both counted "
        "from 1.",
    ] = "auto"
    top_p_mass: Annotated[float, Range(0.01, 0.999), "The share of the probability that is counted in tokens."] = 0.9
    dropout_samples: Annotated[int, Range(0, 100), "Passes with dropout on, for the spread under it; 0 for none."] = 0


@dataclass(frozen=True, eq=False)
class Continuation:
    """Tokens `ids` (W,) that follow an opening, a Feature each, and the text that they are."""

    ids: Tensor
    features: tuple[Feature, ...]
    text: str


class GumbelSampling(LogitsProcessor):  # type: ignore[misc]
    """Makes the most probable token one that is drawn: the highest of logits with Gumbel noise is a sample of them."""

    def __init__(self, temperature: float, top_p: float, seed: int) -> None:
        self._temperature, self._top_p = temperature, TopPLogitsWarper(top_p)
        self._generator = torch.Generator().manual_seed(seed)

    def __call__(self, ids: Tensor, scores: Tensor) -> Tensor:
        drawn = self._top_p(ids, scores / self._temperature)
        noise = -torch.empty_like(drawn).exponential_(generator=self._generator).log()
        return drawn + noise  # type: ignore[no-any-return]


class ProgressStopping(StoppingCriteria):  # type: ignore[misc]
    """Tells of every token, so that a run can be stopped."""

    def __init__(self, spend: Callable[[int], None]) -> None:
        self._spend = spend

    def __call__(self, ids: Tensor, scores: Tensor, **_: Any) -> Tensor:
        self._spend(1)
        return torch.zeros(len(ids), dtype=torch.bool)


def continue_text(
    bundle: Bundle, request: Request, writing: GenerationParams, opening: Prompt, spend: Callable[[int], None]
) -> Continuation:
    """What the request forces, or else what the model writes."""
    forced = request.texts.get(opening.field, "")
    return (
        force_decode(bundle, opening, forced) if forced.strip() else generate(bundle, request, writing, opening, spend)
    )


def generate(
    bundle: Bundle, request: Request, writing: GenerationParams, opening: Prompt, spend: Callable[[int], None]
) -> Continuation:
    """What the model writes, without the token that ends it. Raises BadRequest if that is nothing."""
    most = min(writing.most_new_tokens, opening.room(bundle))
    drawn = [GumbelSampling(writing.temperature, writing.top_p, request.seed)] if writing.strategy == "sample" else []
    started = {"decoder_input_ids": torch.tensor([opening.start])} if opening.start else {}
    made = bundle.model.generation_config
    end = made.eos_token_id if made.eos_token_id is not None else bundle.tokenizer.eos_token_id
    with torch.no_grad():
        ids = bundle.model.generate(
            **opening.encoded.inputs,
            **started,
            do_sample=False,
            num_beams=1,
            max_new_tokens=most,
            pad_token_id=_first(made.pad_token_id if made.pad_token_id is not None else end),
            eos_token_id=end,
            logits_processor=drawn,
            stopping_criteria=[ProgressStopping(spend)],
        )[0, len(opening.ids) :]
    ends = {end} if isinstance(end, int) else set(end or ())
    if ids.numel() and int(ids[-1]) in ends:
        ids = ids[:-1]
    if not ids.numel():
        raise EndsAtOnce("The model ends its text at once. Force a text of yours, or change what stands before it.")
    return _decoded(bundle, opening, ids)


def force_decode(bundle: Bundle, opening: Prompt, text: str) -> Continuation:
    """The tokens of a text that a person gives. Raises LimitReached if the model cannot take them all."""
    text = _apart(opening.before, text)
    ids, offsets = _tokens(bundle, opening, opening.before, text)
    if not ids:
        raise BadRequest("The model reads no token in the text that it should write. Type a sentence.")
    if len(ids) > (room := opening.room(bundle)):
        raise LimitReached(f"The text to write has {len(ids):,} tokens, and the model can take {room:,} more. Cut it.")
    special = set(bundle.tokenizer.all_special_ids)
    return Continuation(torch.tensor(ids), _features(bundle, opening.field, text, ids, offsets, special), text)


def replace_continuation(bundle: Bundle, opening: Prompt, written: Continuation, first: int, text: str) -> list[int]:
    """The ids of a text that stands where the written tokens from number `first` on do."""
    places = (feature.start for feature in written.features[first:] if feature.start is not None)
    before = opening.before + written.text[: next(places, len(written.text))]
    ids, _ = _tokens(bundle, opening, before.rstrip(), _apart(before.rstrip(), text))
    return ids


def _apart(before: str, text: str) -> str:
    """The text with a space before it, if its first word would grow together with the last one before it."""
    return " " + text if SPACED.fullmatch(before[-1:]) and SPACED.fullmatch(text[:1]) else text


def _tokens(bundle: Bundle, opening: Prompt, before: str, text: str) -> tuple[list[int], list[tuple[int, int]]]:
    """The ids of a text after another, with their places; glued to it where the tokenizer keeps the seam."""
    tokenizer, name = bundle.tokenizer, "text_target" if opening.start else "text"
    if before:
        own = tokenizer(**{name: before}, add_special_tokens=False)["input_ids"]
        glued = tokenizer(**{name: before + text}, add_special_tokens=False, return_offsets_mapping=True)
        if glued["input_ids"][: len(own)] == own:
            places = glued["offset_mapping"][len(own) :]
            shifted = [(max(start - len(before), 0), end - len(before)) for start, end in places]
            return list(glued["input_ids"][len(own) :]), shifted
    row = tokenizer(**{name: text}, add_special_tokens=False, return_offsets_mapping=True)
    return list(row["input_ids"]), list(row["offset_mapping"])


def _decoded(bundle: Bundle, opening: Prompt, ids: Tensor) -> Continuation:
    """Tokens that the model wrote, their places found by decoding one more each time."""
    tokenizer, before = bundle.tokenizer, opening.ids
    special = set(tokenizer.all_special_ids)

    def decode(count: int) -> str:
        shown = tokenizer.decode(
            before + ids[:count].tolist(), skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return str(shown)[len(prefix) :]

    prefix = ""
    prefix = decode(0)
    grown = [decode(count) for count in range(len(ids) + 1)]
    text, ends = grown[-1], [len(part.rstrip(HALF)) for part in grown[:-1]] + [len(grown[-1])]
    places = [(start, next((end for end in ends[i + 1 :] if end > start), start)) for i, start in enumerate(ends[:-1])]
    return Continuation(ids, _features(bundle, opening.field, text, ids.tolist(), places, special), text)


def _features(
    bundle: Bundle, field: str, text: str, ids: list[int], places: list[tuple[int, int]], special: set[int]
) -> tuple[Feature, ...]:
    words, tokenizer, features = find_words(text), bundle.tokenizer, []
    for token, (start, end) in zip(ids, places, strict=True):
        if token in special:
            features.append(Feature(tokenizer.convert_ids_to_tokens(token), field, special=True))
            continue
        start, end = trim_span(text, start, end)
        features.append(Feature(text[start:end] or SPACE, field, start, end, word_at(words, start)))
    return tuple(features)


def _first(token: Any) -> Any:
    return token[0] if isinstance(token, list) else token
