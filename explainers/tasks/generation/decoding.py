"""Decoding: the tokens that a model generates after a prompt, or those of a text that it is forced to generate."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import regex
import torch
from torch import Tensor
from transformers import LogitsProcessor, StoppingCriteria, TopPLogitsWarper

from ...errors import BadRequest, LimitReached, NothingGenerated
from ...inputs.text import SPACE, find_word_index, find_words, trim_span
from ...models.loading import Bundle
from ...registry import Range
from ...request import Request
from ...results.explanation import Feature
from ..tokenization import TextParams
from .generation_settings import GREEDY, describe_search, run_generate
from .prompts import Prompt
from .token_ids import check_rows, is_special, name_token

# A letter or digit of a script that puts a space between words.
UNSPACED = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"
SPACED_LETTER = regex.compile(rf"(?V1)[[\p{{L}}\p{{N}}]--{UNSPACED}]")
REPLACEMENT_CHARACTER = "\ufffd"  # which a tokenizer decodes a part of a character to


@dataclass(frozen=True, kw_only=True)
class GenerationParams(TextParams):
    """The settings of tasks that generate text."""

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
        "The score of each generated token that is explained.",
    ] = "probability"
    baseline: Annotated[
        Literal["pad", "mask", "unk", "zeros", "mean", "text"],
        "Baseline: padding, mask or unknown token, zero embedding, mean embedding, or your own text.",
    ] = "unk"
    strategy: Annotated[
        Literal["model", "greedy", "sample"],
        "Generate by the model's own settings (such as its beams), the most probable token each time, or by sampling.",
    ] = "model"
    temperature: Annotated[float, Range(0.05, 5), "Sampling temperature; below 1 is more conservative."] = 1.0
    top_p: Annotated[
        float, Range(0.01, 1), "Sample only from the most probable tokens that have this share of the probability."
    ] = 1.0
    most_new_tokens: Annotated[int, Range(1, 512), "Maximum number of tokens to generate."] = 20
    start: Annotated[int, Range(1, 10_000), "The first generated token to explain, counted from 1."] = 1
    end: Annotated[int, Range(0, 10_000), "The last generated token to explain; 0 for the last of all."] = 0
    alignment: Annotated[
        str,
        "Which tokens are contrasted with which of the other text: auto, or pairs like 1:1, 2:3, both counted from 1.",
    ] = "auto"
    top_p_mass: Annotated[float, Range(0.01, 0.999), "The share of the probability that Top-p size counts to."] = 0.9
    dropout_samples: Annotated[
        int, Range(0, 100), "Passes with dropout on, to measure the standard deviation under dropout; 0 for none."
    ] = 0


@dataclass(frozen=True, eq=False)
class Continuation:
    """The tokens `ids` (W,) that follow a prompt, a Feature each, their text, and notices on how it was generated."""

    ids: Tensor
    features: tuple[Feature, ...]
    text: str
    notices: tuple[str, ...] = ()


class GumbelSampling(LogitsProcessor):  # type: ignore[misc]
    """Sampling by the Gumbel-max trick: the argmax of the logits plus Gumbel noise is a sample from their softmax."""

    def __init__(self, temperature: float, top_p: float, seed: int) -> None:
        self._temperature, self._top_p = temperature, TopPLogitsWarper(top_p)
        self._generator = torch.Generator().manual_seed(seed)

    def __call__(self, ids: Tensor, scores: Tensor) -> Tensor:
        logits = self._top_p(ids, scores / self._temperature)
        noise = -torch.empty_like(logits, device="cpu").exponential_(generator=self._generator).log()
        return logits + noise.to(logits.device)  # type: ignore[no-any-return]


class ProgressStopping(StoppingCriteria):  # type: ignore[misc]
    """Reports each generated token, of every beam, to `spend`, which stops the run by raising."""

    def __init__(self, spend: Callable[[int], None]) -> None:
        self._spend = spend

    def __call__(self, ids: Tensor, scores: Tensor, **_: Any) -> Tensor:
        self._spend(len(ids))
        return torch.zeros(len(ids), dtype=torch.bool, device=ids.device)


def continue_prompt(
    bundle: Bundle, request: Request, params: GenerationParams, prompt: Prompt, spend: Callable[[int], None]
) -> Continuation:
    """Return the continuation that the request forces, or else the one that the model generates."""
    forced = request.texts.get(prompt.field, "")
    return force_decode(bundle, prompt, forced) if forced.strip() else generate(bundle, request, params, prompt, spend)


def generate(
    bundle: Bundle, request: Request, params: GenerationParams, prompt: Prompt, spend: Callable[[int], None]
) -> Continuation:
    """Generate a continuation, without its end-of-sequence token. Raises NothingGenerated if it is empty."""
    config = bundle.model.generation_config
    end = config.eos_token_id if config.eos_token_id is not None else bundle.tokenizer.eos_token_id
    arguments = {
        **prompt.encoded.inputs,
        **({"decoder_input_ids": torch.tensor([prompt.decoder_ids])} if prompt.decoder_ids else {}),
        **(GREEDY if params.strategy != "model" else {}),
        "max_new_tokens": min(params.most_new_tokens, prompt.count_free_positions(bundle)),
        "pad_token_id": _take_first(config.pad_token_id if config.pad_token_id is not None else end),
        "eos_token_id": end,
        "logits_processor": [GumbelSampling(params.temperature, params.top_p, request.seed)]
        if params.strategy == "sample"
        else [],
        "stopping_criteria": [ProgressStopping(spend)],
    }
    ids = run_generate(bundle, arguments, prompt.ids, request.seed)
    ends = {end} if isinstance(end, int) else set(end or ())
    if ids.numel() and int(ids[-1]) in ends:
        ids = ids[:-1]
    if not ids.numel():
        raise NothingGenerated("The model generates no text here. Type the text to explain, or change the prompt.")
    return replace(_decode(bundle, prompt, ids), notices=describe_search(bundle, params.strategy))


def force_decode(bundle: Bundle, prompt: Prompt, text: str) -> Continuation:
    """Tokenize a given continuation. Raises LimitReached if the model cannot take all its tokens."""
    text = _add_space(prompt.before, text)
    ids, offsets = _tokenize_after(bundle, prompt, prompt.before, text)
    if not ids:
        raise BadRequest("The text to generate has no tokens. Type a sentence.")
    check_rows(bundle, ids, generated=True)
    if len(ids) > (free := prompt.count_free_positions(bundle)):
        raise LimitReached(
            f"The text to generate has {len(ids):,} tokens, and the model can take {free:,} more. Shorten it."
        )
    return Continuation(torch.tensor(ids), _make_features(bundle, prompt.field, text, ids, offsets), text)


def replace_continuation(
    bundle: Bundle, prompt: Prompt, continuation: Continuation, first: int, text: str
) -> list[int]:
    """Return the token ids of a text that replaces the continuation from its token number `first` on."""
    starts = (feature.start for feature in continuation.features[first:] if feature.start is not None)
    before = (prompt.before + continuation.text[: next(starts, len(continuation.text))]).rstrip()
    ids, _ = _tokenize_after(bundle, prompt, before, _add_space(before, text))
    check_rows(bundle, ids, generated=True)
    return ids


def _add_space(before: str, text: str) -> str:
    """Put a space before the text if its first word would merge with the last word before it."""
    return " " + text if SPACED_LETTER.fullmatch(before[-1:]) and SPACED_LETTER.fullmatch(text[:1]) else text


def _tokenize_after(bundle: Bundle, prompt: Prompt, before: str, text: str) -> tuple[list[int], list[tuple[int, int]]]:
    """Tokenize a text that follows another: ids, and offsets in the text.

    Both are tokenized together if that leaves the tokens of `before` as they are, else the text alone.
    """
    tokenizer, name = bundle.tokenizer, "text_target" if prompt.decoder_ids else "text"
    if before:
        own = tokenizer(**{name: before}, add_special_tokens=False)["input_ids"]
        both = tokenizer(**{name: before + text}, add_special_tokens=False, return_offsets_mapping=True)
        if both["input_ids"][: len(own)] == own:
            offsets = both["offset_mapping"][len(own) :]
            shifted = [(max(start - len(before), 0), end - len(before)) for start, end in offsets]
            return list(both["input_ids"][len(own) :]), shifted
    alone = tokenizer(**{name: text}, add_special_tokens=False, return_offsets_mapping=True)
    return list(alone["input_ids"]), list(alone["offset_mapping"])


def _decode(bundle: Bundle, prompt: Prompt, ids: Tensor) -> Continuation:
    """Decode generated tokens; their offsets are found by decoding one token more each time."""
    prefix_length = 0

    def decode(count: int) -> str:
        whole = prompt.ids + ids[:count].tolist()
        text = bundle.tokenizer.decode(whole, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return str(text)[prefix_length:]

    prefix_length = len(decode(0))
    texts = [decode(count) for count in range(len(ids) + 1)]
    text = texts[-1]
    ends = [*(len(shorter.rstrip(REPLACEMENT_CHARACTER)) for shorter in texts[:-1]), len(text)]
    offsets = [(start, next((end for end in ends[i + 1 :] if end > start), start)) for i, start in enumerate(ends[:-1])]
    return Continuation(ids, _make_features(bundle, prompt.field, text, ids.tolist(), offsets), text)


def _make_features(
    bundle: Bundle, field: str, text: str, ids: list[int], offsets: list[tuple[int, int]]
) -> tuple[Feature, ...]:
    words, tokenizer, features = find_words(text), bundle.tokenizer, []
    for token, (start, end) in zip(ids, offsets, strict=True):
        if is_special(tokenizer, token):
            features.append(Feature(name_token(tokenizer, token), field, special=True))
            continue
        start, end = trim_span(text, start, end)
        features.append(Feature(text[start:end] or SPACE, field, start, end, find_word_index(words, start)))
    return tuple(features)


def _take_first(token: Any) -> Any:
    return token[0] if isinstance(token, list) else token
