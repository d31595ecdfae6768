"""Openings: all that stands before a written text, as the model reads it. A prompt, a chat, or a source.

Knows no method, and nothing of how the text goes on.
"""

from dataclasses import dataclass, replace

import torch

from ...errors import BadRequest, Incompatible
from ...inputs.text import find_words, word_at
from ...models.loading import Bundle
from ...results.explanation import Feature, Segments
from ..tokenization import Encoded, encode, encode_row, tokenize

PROMPT, SYSTEM, CONTINUATION, SOURCE, TARGET = "prompt", "system", "continuation", "source", "target"
PREFIX, WITHOUT = "prefix", "without_context"


@dataclass(frozen=True, eq=False)
class Prompt:
    """What the model has read before it writes: tokens of the fields in `texts`, then what is written to `field`.

    `before` is the text that a continuation is glued to, empty if it begins afresh; `start` are the ids that a decoder
    begins with, the last of them those of the tokens `prefix`, if somebody wrote the first words for it.
    """

    encoded: Encoded
    texts: dict[str, str]
    field: str
    before: str = ""
    start: tuple[int, ...] = ()
    prefix: tuple[Feature, ...] = ()
    segments: Segments = ()

    @property
    def ids(self) -> list[int]:
        """What the written tokens follow directly."""
        return list(self.start) or self.encoded.inputs["input_ids"][0].tolist()

    def room(self, bundle: Bundle) -> int:
        """How many tokens the model can still take."""
        return bundle.embeddings.longest - len(self.ids)


def encode_plain(bundle: Bundle, text: str) -> Prompt:
    """A prompt that is read as it stands."""
    _one_half(bundle)
    rows = tokenize(bundle, {PROMPT: text}, truncation=False)
    found = _latest(bundle, encode_row(bundle, rows, {PROMPT: text}))
    if text[-1:].isspace():
        notice = "The prompt ends with a space: words that would bring their own space are less likely after it."
        found = replace(found, notices=(*found.notices, notice))
    return Prompt(found, {PROMPT: text}, CONTINUATION, before=text)


def encode_chat(bundle: Bundle, text: str, system: str) -> Prompt:
    """What a person says to an assistant, in the words of the model's own template; those are special tokens."""
    _one_half(bundle)
    if not bundle.tokenizer.chat_template:
        raise Incompatible(f"{bundle.card.label} has no chat template. Switch chat off, or take a chat model.")
    given = {name: words for name, words in ((SYSTEM, system), (PROMPT, text)) if words.strip()}
    roles = {SYSTEM: "system", PROMPT: "user"}
    messages = [{"role": roles[name], "content": words} for name, words in given.items()]
    whole = bundle.tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    rows = tokenize(bundle, {PROMPT: whole}, truncation=False, add_special_tokens=False)
    raw = encode_row(bundle, rows, {PROMPT: whole})
    places = _places(whole, given)
    words = {name: find_words(text) for name, text in given.items()}
    features = tuple(_in_message(feature, places, words) for feature in raw.features)
    special = torch.tensor([feature.special for feature in features])
    found = _latest(bundle, replace(raw, features=features, special=special))
    segments = tuple((name, 0, len(words), roles[name]) for name, words in given.items())
    return Prompt(found, given, CONTINUATION, segments=segments)


def encode_source(bundle: Bundle, text: str) -> Prompt:
    """A text for the first half of a model; the second begins with its own first tokens."""
    config = bundle.model.config
    if not config.is_encoder_decoder:
        raise Incompatible(f"{bundle.card.label} goes on with a text and has no source. Use text generation.")
    made = bundle.model.generation_config
    first = made.decoder_start_token_id if made.decoder_start_token_id is not None else config.decoder_start_token_id
    first = made.bos_token_id if first is None else first
    start = tuple(int(token) for token in (first, made.forced_bos_token_id) if token is not None)
    return Prompt(encode(bundle, {SOURCE: text}), {SOURCE: text}, TARGET, start=start)


def encode_empty(bundle: Bundle, opening: Prompt) -> Prompt:
    """The same opening with no text in it: only the tokens that the model begins every text with, or one that could."""
    tokenizer = bundle.tokenizer
    own = tokenizer("")["input_ids"] or [
        next(token for token in (tokenizer.bos_token_id, tokenizer.eos_token_id, 0) if token is not None)
    ]
    ids = torch.tensor([own])
    inputs = {name: torch.ones_like(ids) for name in opening.encoded.inputs} | {"input_ids": ids}
    field = opening.encoded.features[0].field
    features = tuple(Feature(name, field, special=True) for name in tokenizer.convert_ids_to_tokens(own))
    encoded = Encoded(inputs, features, torch.ones(len(own), dtype=torch.bool), ())
    return Prompt(encoded, {}, opening.field, start=opening.start[: len(opening.start) - len(opening.prefix)])


def _one_half(bundle: Bundle) -> None:
    if bundle.model.config.is_encoder_decoder:
        raise Incompatible(f"{bundle.card.label} turns a source into a target. Use translation.")


def _latest(bundle: Bundle, found: Encoded) -> Encoded:
    """The last tokens that the model can take, with room for one that it writes, and a notice if there were more."""
    most, length = bundle.embeddings.longest - 1, len(found.features)
    if length <= most:
        return found
    return Encoded(
        inputs={name: tensor[:, -most:] for name, tensor in found.inputs.items()},
        features=found.features[-most:],
        special=found.special[-most:],
        notices=(f"The model reads {most + 1:,} tokens at most: the first {length - most:,} were not read.",),
    )


def _places(whole: str, given: dict[str, str]) -> dict[str, tuple[int, int, int]]:
    """Where each message stands in the whole: from, to, and how far from there to its place in what was given.

    A template may take the space around a message away.
    """
    places, begin = {}, 0
    for name, words in given.items():
        lead = 0
        if whole.find(words, begin) < 0:
            lead, words = len(words) - len(words.lstrip()), words.strip()
        if (begin := whole.find(words, begin)) < 0:
            raise BadRequest(f"The model's chat template changes the {name}, so its tokens cannot be found in it.")
        places[name] = begin, begin + len(words), lead - begin
        begin += len(words)
    return places


def _in_message(
    feature: Feature, places: dict[str, tuple[int, int, int]], words: dict[str, list[tuple[int, int]]]
) -> Feature:
    """A token of the whole as one of the message that it lies in, else as one of the template."""
    for name, (begin, end, shift) in places.items():
        if feature.start is not None and feature.end is not None and begin <= feature.start < end:
            start, stop = feature.start + shift, min(feature.end, end) + shift
            return replace(feature, field=name, start=start, end=stop, word=word_at(words[name], start))
    return Feature(feature.text, PROMPT, special=True)
