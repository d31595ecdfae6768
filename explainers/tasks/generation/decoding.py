"""Decoding: the tokens that a model generates after a prompt, or those of a text that it is forced to generate."""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import regex
import torch
from torch import Tensor
from transformers import LogitsProcessor, StoppingCriteria, TopPLogitsWarper

from ...errors import BadRequest, Incompatible, LimitReached, NothingGenerated
from ...inputs.text import SPACE, find_word_index, find_words, trim_span
from ...models.loading import Bundle
from ...models.probes.causality import generates_from
from ...registry import Labels, Range
from ...request import ValidRequest
from ...results.explanation import Feature
from ...results.step_scores import STEP_SCORE_INFO, describe_step_score, name_step_score
from .._python_tokenizer import find_places
from ..tokenization import TextParams
from .generation_settings import GREEDY, describe_search, run_generate
from .prompts import Prompt
from .token_ids import check_rows, is_special, name_token

# A letter or digit of a script that puts a space between words.
UNSPACED = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"
SPACED_LETTER = regex.compile(rf"(?V1)[[\p{{L}}\p{{N}}]--{UNSPACED}]")
CARRIERS = ("\n", ".", "-")  # a text is tokenized after, if it cannot be after the text before it
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
        Labels(tuple((key, name_step_score(key), describe_step_score(key)) for key in STEP_SCORE_INFO)),
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
    space_before: Annotated[
        bool, "Put a space before a given text that begins with a word, if a word comes before it."
    ] = True
    token_ids: Annotated[
        str,
        "Ids of the given text's tokens, like 12,7, if they are not the tokenizer's own; not used for another text.",
    ] = ""
    foil_ids: Annotated[str, "Ids of the contrast's tokens, in the same way."] = ""
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
    """The tokens `ids` (W,) that follow a prompt, a Feature each, and their text.

    Notices say how they were generated, or what was changed.
    """

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
    bundle: Bundle, request: ValidRequest, params: GenerationParams, prompt: Prompt, spend: Callable[[int], None]
) -> Continuation:
    """Return the continuation that the request forces, or else the one that the model generates.

    Ids that the request gives are used as they are, if they stand for its text.
    """
    text = request.texts.get(prompt.field, "")
    typed = tokenize_continuation(bundle, prompt, text, params.space_before) if text else None
    carried = _read_ids(bundle, "Token ids", params.token_ids)
    if carried is None or (typed and torch.equal(typed.ids, carried)):
        return _check_length(bundle, prompt, typed) if typed else generate(bundle, request, params, prompt, spend)
    given = _decode(bundle, prompt, carried)
    if given.text == text or _stands_for(bundle, carried, text):
        return _check_length(bundle, prompt, given)
    notice = f"The token ids stand for {given.text[:40]!r}, which is not the given text, so they are not used."
    chosen = typed or generate(bundle, request, params, prompt, spend)
    return _check_length(bundle, prompt, replace(chosen, notices=(*chosen.notices, notice)))


def generate(
    bundle: Bundle, request: ValidRequest, params: GenerationParams, prompt: Prompt, spend: Callable[[int], None]
) -> Continuation:
    """Generate a continuation, without its end-of-sequence token. Raises NothingGenerated if it is empty."""
    if not prompt.decoder_ids and not generates_from(bundle.model, prompt.encoded.inputs["input_ids"]):
        raise Incompatible(
            f"{bundle.card.label} generates from more than the text before: {type(bundle.model).__name__} appends a "
            "token of its own. Its probabilities after that cannot be explained. Type the text to explain."
        )
    config = bundle.model.generation_config
    end = config.eos_token_id if config.eos_token_id is not None else bundle.tokenizer.eos_token_id
    arguments = {
        **prompt.encoded.inputs,
        **({"decoder_input_ids": torch.tensor([prompt.decoder_ids])} if prompt.decoder_ids else {}),
        **(GREEDY if params.strategy != "model" else {}),
        # With a cache, only the last token is read.
        **({"use_cache": False} if bundle.looks_ahead and not bundle.needs_cache else {}),
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
    notices = describe_search(bundle, params.strategy)
    if len(ids) == prompt.count_free_positions(bundle) < params.most_new_tokens:
        most = f"The model takes {bundle.embeddings.longest:,} tokens in all, so it wrote no more than {len(ids):,}."
        notices = (*notices, most)
    return replace(_decode(bundle, prompt, ids), notices=notices)


def force_decode(bundle: Bundle, prompt: Prompt, text: str, space: bool) -> Continuation:
    """Tokenize a given continuation. Raises LimitReached if the model cannot take all its tokens."""
    return _check_length(bundle, prompt, tokenize_continuation(bundle, prompt, text, space))


def tokenize_continuation(bundle: Bundle, prompt: Prompt, text: str, space: bool) -> Continuation:
    """Tokenize a given continuation; with `space`, a first word is kept apart from the last one before it.

    A notice says if the tokens stand for another text than was typed.
    """
    notices: list[str] = []
    if space and _merges(prompt.before, text):
        last, first = prompt.before.split()[-1][-20:], text.split()[0][:20]
        notices.append(f"A space was put between {last!r} and {first!r}. Set Space before to false to join them.")
        text = " " + text
    ids, offsets, changed = _tokenize_after(bundle, prompt, prompt.ids, prompt.before, text)
    if not ids:
        raise BadRequest(f"The text to generate, {text[:40]!r}, has no tokens. Type a sentence.")
    check_rows(bundle, ids, generated=True)
    features = _make_features(bundle, prompt.field, text, ids, offsets)
    return Continuation(torch.tensor(ids), features, text, (*notices, *changed))


def tokenize_foil(
    bundle: Bundle, params: GenerationParams, prompt: Prompt, continuation: Continuation, first: int, foil: str
) -> Continuation:
    """Tokenize a text that replaces the continuation from its token number `first` on, with the same space before it.

    Ids that the request gives are used as they are, if they stand for the text.
    """
    carried = _read_ids(bundle, "Foil ids", params.foil_ids)
    if carried is not None and _stands_for(bundle, carried, foil):
        return Continuation(carried, (), foil)
    ids = prompt.ids + continuation.ids[:first].tolist()
    replaced = _read_back(bundle, ids, continuation.ids[first:].tolist())
    space = replaced[: len(replaced) - len(replaced.lstrip())]
    text = space + foil if SPACED_LETTER.fullmatch(foil[:1]) else foil
    kept = continuation.text[: max(0, len(continuation.text) - len(replaced))]
    other, _, changed = _tokenize_after(bundle, prompt, ids, prompt.before + kept, text)
    check_rows(bundle, other, generated=True)
    ignored = () if carried is None else (f"The foil ids do not stand for {foil[:40]!r}, so they are not used.",)
    return Continuation(torch.tensor(other), (), text, (*changed, *ignored))


def _check_length(bundle: Bundle, prompt: Prompt, continuation: Continuation) -> Continuation:
    """Return the continuation. Raises LimitReached if the model cannot take all its tokens."""
    if (count := len(continuation.ids)) > (free := prompt.count_free_positions(bundle)):
        raise LimitReached(
            f"The text to generate has {count:,} tokens, and the model can take {free:,} more. Shorten it."
        )
    return continuation


def _read_ids(bundle: Bundle, name: str, text: str) -> Tensor | None:
    """Parse ids separated by commas, (W,); None if there are none. Raises BadRequest for anything else."""
    if not text.strip():
        return None
    module: Any = bundle.embeddings.decoder
    rows = bundle.embeddings.rows if module is None else len(module.weight)
    for part in text.split(","):
        if not (part.strip().isascii() and part.strip().isdecimal() and int(part) < rows):
            raise BadRequest(f"{name} has {part.strip()[:20]!r}. Give whole numbers below {rows:,}, like 12,7.")
    return torch.tensor([int(part) for part in text.split(",")])


def _stands_for(bundle: Bundle, ids: Tensor, text: str) -> bool:
    """Return whether tokens alone decode to a text, spaces before it aside."""
    tokenizer, rows = bundle.tokenizer, ids.tolist()
    texts = [
        tokenizer.decode(rows, skip_special_tokens=skip, clean_up_tokenization_spaces=False) for skip in (True, False)
    ]
    texts.append(tokenizer.convert_tokens_to_string([name_token(tokenizer, token) for token in rows]))
    return any(own.lstrip(" ") == text.lstrip(" ") for own in texts)


def _merges(before: str, text: str) -> bool:
    """Return whether the first word of a text would become one with the last word before it."""
    return bool(SPACED_LETTER.fullmatch(before[-1:]) and SPACED_LETTER.fullmatch(text[:1]))


def _tokenize_after(
    bundle: Bundle, prompt: Prompt, prefix: list[int], before: str, text: str
) -> tuple[list[int], list[tuple[int, int]], tuple[str, ...]]:
    """Tokenize a text that follows the tokens `prefix`, whose text is `before`: ids, and offsets in the text.

    The first tokens that decode to just this text after the prefix: those after `before` if it keeps its own, those of
    the text alone, or those after a single character, since some tokenizers begin every text with a space. If there are
    none, a notice says what the model reads instead.
    """
    tokenizer, name = bundle.tokenizer, "text_target" if prompt.decoder_ids else "text"
    found: list[tuple[list[int], list[tuple[int, int]], str]] = []
    for carrier in dict.fromkeys((before, "", before[-1:], *CARRIERS)):
        own = tokenizer(**{name: carrier}, add_special_tokens=False)["input_ids"] if carrier else []
        both = tokenizer(**{name: carrier + text}, add_special_tokens=False, return_offsets_mapping=tokenizer.is_fast)
        if list(both["input_ids"][: len(own)]) != list(own):
            continue
        ids = list(both["input_ids"][len(own) :])
        if tokenizer.is_fast:
            offsets = both["offset_mapping"][len(own) :]
            shifted = [(max(start - len(carrier), 0), max(end - len(carrier), 0)) for start, end in offsets]
        else:
            shifted = [span or (0, 0) for span in find_places(tokenizer, text, ids)]
        read = _read_back(bundle, prefix, ids)
        if _reads_as(read, text):
            return ids, shifted, ()
        found.append((ids, shifted, read))
    ids, shifted, read = next((one for one in found if one[0]), ([], [], ""))
    return ids, shifted, (_describe_change(text, read),)


def _read_back(bundle: Bundle, prefix: list[int], ids: list[int]) -> str:
    """Decode tokens after others, of which special ones are left out: they may keep the space before the next token."""
    special = set(bundle.tokenizer.all_special_ids)
    before = [token for token in prefix if token not in special]

    def decode(rows: list[int]) -> str:
        return str(bundle.tokenizer.decode(rows, clean_up_tokenization_spaces=False))

    return decode(before + ids)[len(decode(before)) :]


def _reads_as(read: str, text: str) -> bool:
    """Return whether a decoded text is the typed one, but for composed accents and spaces inside or lost before it."""
    own, typed = (unicodedata.normalize("NFC", one) for one in (read, text))
    return own.replace(" ", "") == typed.replace(" ", "") and own.startswith(" ") <= typed.startswith(" ")


def _describe_change(text: str, read: str) -> str:
    """Describe in a notice where the text that the model reads first differs from the typed one."""
    start = next((i for i, pair in enumerate(zip(text, read, strict=False)) if len(set(pair)) > 1), 0)
    typed, own = (one[max(0, start - 10) : start + 20] for one in (text, read))
    return f"The tokenizer has no tokens for just {typed!r} here: the model reads {own!r}."


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
