"""Prompts: everything before a generated text, as the model reads it. A plain text, a chat, or a source."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import torch

from ...errors import BadRequest, Incompatible
from ...inputs.text import find_word_index, find_words, trim_span
from ...models.loading import Bundle
from ...results.explanation import Feature, Segments
from ..tokenization import Encoded, encode, encode_row, tokenize
from .chat_templates import render_chat
from .languages import Languages
from .token_ids import check_rows, name_token

PROMPT, SYSTEM, CONTINUATION, SOURCE, TARGET = "prompt", "system", "continuation", "source", "target"
PREFIX, WITHOUT = "prefix", "without_context"
ROLES = {SYSTEM: "system", PROMPT: "user"}


@dataclass(frozen=True, eq=False)
class Prompt:
    """The model's inputs for the `texts` by field; what follows it belongs to the input `field`.

    `before` is the text that a continuation is tokenized with, empty if it is tokenized alone. `decoder_ids` are the
    first ids of an encoder-decoder's decoder; the last of them are those of the tokens `prefix`, if one is given.
    """

    encoded: Encoded
    texts: dict[str, str]
    field: str
    before: str = ""
    decoder_ids: tuple[int, ...] = ()
    prefix: tuple[Feature, ...] = ()
    segments: Segments = ()

    @property
    def ids(self) -> list[int]:
        """The ids that the generated tokens follow directly."""
        return list(self.decoder_ids) or self.encoded.inputs["input_ids"][0].tolist()

    @property
    def start_ids(self) -> tuple[int, ...]:
        """The `decoder_ids` without those of the prefix."""
        return self.decoder_ids[: len(self.decoder_ids) - len(self.prefix)]

    def count_free_positions(self, bundle: Bundle) -> int:
        """Return how many tokens the model can still take."""
        return bundle.embeddings.longest - len(self.ids)


def encode_plain(bundle: Bundle, text: str, count_new: Callable[[], int]) -> Prompt:
    """Encode a text that the model continues as it stands; an empty one is the token that begins every text.

    `count_new` counts the tokens to generate, for which a text that is too long makes room.
    """
    _check_decoder_only(bundle)
    rows = tokenize(bundle, {PROMPT: text}, truncation=False)
    if all(rows["special_tokens_mask"][0]):
        return _encode_beginning(bundle, text)
    encoded = encode_row(bundle, rows, {PROMPT: text})
    notices, ids, lead = [], encoded.inputs["input_ids"][0], _count_leading(encoded)
    if lead and ids[lead] == ids[0]:
        notices.append(
            f"The prompt begins with {encoded.features[0].text}, which the tokenizer puts before every text, so the "
            "model reads it twice. Delete it from the prompt."
        )
    if text.endswith(" "):
        notices.append("The prompt ends with a space: words that would bring their own space are less likely after it.")
    encoded = _truncate_left(bundle, encoded, count_new)
    encoded = replace(encoded, notices=(*encoded.notices, *notices))
    return Prompt(encoded, {PROMPT: text}, CONTINUATION, before=text)


def _encode_beginning(bundle: Bundle, text: str) -> Prompt:
    """Encode a text without tokens as what the model begins every text with. Raises BadRequest if there is nothing."""
    if not (ids := _find_first_ids(bundle)):
        raise BadRequest(
            f"Prompt is empty, and {bundle.card.label} has no token that begins every text. "
            "Type the beginning of a text."
        )
    notices = (f"The tokenizer reads nothing of the prompt {text[:40]!r}.",) if text else ()
    encoded = replace(_encode_special(bundle, ids, PROMPT, bundle.tokenizer.model_input_names), notices=notices)
    return Prompt(encoded, {PROMPT: text}, CONTINUATION, before=text)


def encode_chat(bundle: Bundle, text: str, system: str, count_new: Callable[[], int]) -> Prompt:
    """Encode a user's message and a system prompt by the model's chat template, whose own tokens are special.

    `count_new` counts the tokens to generate, for which a text that is too long makes room.
    """
    _check_decoder_only(bundle)
    texts = {name: words for name, words in ((SYSTEM, system), (PROMPT, text)) if words.strip()}
    roles = {ROLES[name]: name for name in texts}
    chat, messages = render_chat(bundle.tokenizer, bundle.card.label, {role: texts[roles[role]] for role in roles})
    rows = tokenize(bundle, {PROMPT: chat}, truncation=False, add_special_tokens=False)
    raw = encode_row(bundle, rows, {PROMPT: chat})
    words = {name: find_words(text) for name, text in texts.items()}

    def assign(feature: Feature, start: int, end: int) -> Feature:
        """Return a token of the chat as one of the message that it lies in, else as a special one of the template."""
        for message in messages:
            if (span := message.find_span(start, end)) is not None:
                name = roles[message.role]
                first, last = trim_span(texts[name], *span)
                return replace(feature, field=name, start=first, end=last, word=find_word_index(words[name], first))
        return Feature(feature.text, PROMPT, special=True)

    offsets = rows.encodings[0].offsets  # with the whitespace of tokens, which may be the template's or the message's
    features = tuple(assign(feature, *span) for feature, span in zip(raw.features, offsets, strict=True))
    special = torch.tensor([feature.special for feature in features])
    encoded = _truncate_left(bundle, replace(raw, features=features, special=special), count_new)
    segments = tuple((name, 0, len(words), ROLES[name]) for name, words in texts.items())
    return Prompt(encoded, texts, CONTINUATION, segments=segments)


def encode_source(bundle: Bundle, text: str, languages: Languages) -> Prompt:
    """Encode a source text for the encoder; the decoder begins with its own first tokens, and the target's language."""
    _check_generates(bundle)
    config = bundle.model.config
    if not config.is_encoder_decoder:
        raise Incompatible(f"{bundle.card.label} continues a prompt and has no source. Use text generation.")
    generation = bundle.model.generation_config
    first = generation.decoder_start_token_id
    first = config.decoder_start_token_id if first is None else first
    first = generation.bos_token_id if first is None else first
    forced = generation.forced_bos_token_id if languages.forced_id is None else languages.forced_id
    start = tuple(int(token) for token in (first, forced) if token is not None)
    encoded = encode(bundle, {SOURCE: text})
    encoded = replace(encoded, notices=(*encoded.notices, *languages.notices))
    check_rows(bundle, encoded.inputs["input_ids"][0].tolist())
    check_rows(bundle, start, generated=True)
    return Prompt(encoded, {SOURCE: text}, TARGET, decoder_ids=start)


def encode_empty(bundle: Bundle, prompt: Prompt) -> Prompt:
    """Return the prompt without its text: the tokens that the model begins every text with, or one that could begin."""
    own = _find_first_ids(bundle) or [int(bundle.tokenizer.eos_token_id or 0)]
    encoded = _encode_special(bundle, own, prompt.encoded.features[0].field, prompt.encoded.inputs)
    return Prompt(encoded, {}, prompt.field, decoder_ids=prompt.start_ids)


def _find_first_ids(bundle: Bundle) -> list[int]:
    """Find the tokens that every text begins with, as `generate` does without a prompt; none if there are none."""
    own = bundle.tokenizer("")["input_ids"]
    first = [bundle.model.generation_config.bos_token_id, bundle.tokenizer.bos_token_id]
    return list(own) or [int(token) for token in first if token is not None][:1]


def _encode_special(bundle: Bundle, ids: list[int], field: str, names: Iterable[str]) -> Encoded:
    """Encode special tokens alone, as the inputs of these names."""
    rows = torch.tensor([ids])
    types = {name: torch.full_like(rows, int(name == "attention_mask")) for name in names}  # token types are 0
    inputs = types | {"input_ids": rows}
    features = tuple(Feature(name_token(bundle.tokenizer, token), field, special=True) for token in ids)
    return Encoded(inputs, features, torch.ones(len(ids), dtype=torch.bool), ())


def _check_generates(bundle: Bundle) -> None:
    if not bundle.model.can_generate():
        raise Incompatible(
            f"{bundle.card.label} does not generate text: it is a {type(bundle.model).__name__}. Load it with "
            "AutoModelForCausalLM or AutoModelForSeq2SeqLM, or choose another task."
        )


def _check_decoder_only(bundle: Bundle) -> None:
    _check_generates(bundle)
    if bundle.model.config.is_encoder_decoder:
        raise Incompatible(f"{bundle.card.label} turns a source into a target. Use translation.")


def _count_leading(encoded: Encoded) -> int:
    """Count the special tokens before the text."""
    return next((i for i, feature in enumerate(encoded.features) if not feature.special), 0)


def _truncate_left(bundle: Bundle, encoded: Encoded, count_new: Callable[[], int]) -> Encoded:
    """Drop the first tokens of a text that is too long, but not the special ones before it; with a notice.

    At most half of the model's positions are kept free for the tokens to generate.
    """
    check_rows(bundle, encoded.inputs["input_ids"][0].tolist())
    longest, length = bundle.embeddings.longest, len(encoded.features)
    if length < longest:
        return encoded
    free = min(max(count_new(), 1), longest // 2)
    lead = min(_count_leading(encoded), (longest - free) // 2)
    kept = torch.tensor([*range(lead), *range(length - (longest - free - lead), length)])
    notice = (
        f"The model takes {longest:,} tokens in all, {free:,} of them for the text to generate: the first "
        f"{length - longest + free:,} of the prompt were not read."
    )
    return Encoded(
        inputs={name: tensor[:, kept] for name, tensor in encoded.inputs.items()},
        features=tuple(encoded.features[i] for i in kept.tolist()),
        special=encoded.special[kept],
        notices=(notice,),
    )
