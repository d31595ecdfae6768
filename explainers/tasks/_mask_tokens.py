"""Masks of a text and the words that fill them: a unique name for every token of a vocabulary, and back.

F tokens of the text, V tokens of the vocabulary.
"""

import re
from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from ..errors import BadRequest, Incompatible, LimitReached
from ..models.loading import Bundle
from ..request import Target
from ..results.explanation import Prediction
from ._scores import rank_targets
from .tokenization import Encoded, encode

MAX_MASKS = 5  # in a text
TOP_WORDS = 10  # in the prediction of each mask
TYPED_MASK = re.compile(r"_{3,}|\[MASK\]|<mask>")  # how people write a mask
UNNAMED = re.compile(r"<id (\d{1,9})>")  # how an id without a token is shown
CONTINUES_WORD = "…"  # before a token that continues a word, if its tokenizer does not mark this itself


def mark_masks(bundle: Bundle, texts: Mapping[str, str]) -> dict[str, str]:
    """Replace every mask by the tokenizer's mask token. Raises an error if there are none or too many."""
    mask = bundle.tokenizer.mask_token
    if mask is None:
        raise Incompatible(f"{bundle.card.label} has no mask token, so it cannot predict masked words.")
    marked = {name: TYPED_MASK.sub(lambda _: mask, text) for name, text in texts.items()}
    count = sum(text.count(mask) for text in marked.values())
    if not count:
        raise BadRequest("There is no mask in the text. Write ___ or [MASK] where a word is missing.")
    if count > MAX_MASKS:
        raise LimitReached(f"There are {count} masks in the text, and at most {MAX_MASKS} are allowed. Fill in some.")
    return marked


def encode_masked(bundle: Bundle, texts: Mapping[str, str]) -> tuple[Encoded, list[int]]:
    """Encode the texts, and return the positions of the masks; masks are special, so that a baseline keeps them."""
    encoded = encode(bundle, texts)
    masks = encoded.inputs["input_ids"][0] == bundle.tokenizer.mask_token_id  # (F,)
    if not masks.any():
        raise LimitReached("The mask is beyond the model's limit on tokens. Shorten the text before it.")
    return replace(encoded, special=encoded.special | masks), masks.nonzero().flatten().tolist()


def name_token(bundle: Bundle, token: int) -> str:
    """Return the name of a token of the vocabulary: its text if that is unique, else its raw form."""
    text = str(bundle.tokenizer.decode([token])).strip()
    if text and _look_up_word(bundle, text) == token:
        return text
    raw: str | None = bundle.tokenizer.convert_ids_to_tokens(token)
    if raw is None:  # the model has logits for more ids than the tokenizer has tokens
        return f"<id {token}>"
    return raw if _look_up_word(bundle, raw) == token else CONTINUES_WORD + raw


def find_token(bundle: Bundle, name: str) -> int:
    """Return the token with this name. Raises BadRequest if there is none."""
    token = _look_up_word(bundle, name.strip())
    if token is None:
        raise BadRequest(f"{name[:60]!r} is not a single word of this model's vocabulary. Choose a simpler word.")
    return token


def _look_up_word(bundle: Bundle, name: str) -> int | None:
    if (unnamed := UNNAMED.fullmatch(name)) and bundle.tokenizer.convert_ids_to_tokens(int(unnamed[1])) is None:
        return int(unnamed[1])
    if name.startswith(CONTINUES_WORD) and len(name) > 1:
        return _look_up_token(bundle, name[1:])
    folded = name.lower() if bundle.vocabulary.folds else name
    for place in bundle.vocabulary.places.get(folded.casefold(), ()):
        if bundle.vocabulary.words[place] == folded:
            return int(bundle.vocabulary.ids[place])
    if (raw := _look_up_token(bundle, name)) is not None:
        return raw
    ids = bundle.tokenizer(name, add_special_tokens=False)["input_ids"]
    return int(ids[0]) if len(ids) == 1 and ids[0] != bundle.tokenizer.unk_token_id else None


def _look_up_token(bundle: Bundle, raw: str) -> int | None:
    """Return the token with this raw form in the vocabulary."""
    vocabulary: dict[str, int] = bundle.tokenizer.get_vocab()
    return vocabulary.get(raw)


def predict_masks(bundle: Bundle, logits: Tensor, masks: list[int]) -> Prediction:
    """Return the most probable words of every mask, best first, from logits (1, F, V)."""
    return rank_targets(target for position in masks for target in predict_mask(bundle, logits, position))


def predict_mask(bundle: Bundle, logits: Tensor, position: int, most: int = TOP_WORDS) -> list[Target]:
    """Return the most probable words of the mask at `position`, best first, from logits (1, F, V)."""
    top = logits[0, position].softmax(-1).topk(min(most, logits.shape[-1]))
    probabilities, tokens = top.values.tolist(), top.indices.tolist()
    return [make_target(bundle, position, *pair) for pair in zip(tokens, probabilities, strict=True)]


def make_target(bundle: Bundle, position: int, index: int, probability: float) -> Target:
    """Make the Target of a token in the mask at `position`."""
    return Target(name_token(bundle, index), index, position, probability=probability, text=bundle.tokenizer.mask_token)


def read_probability(logits: Tensor, position: int, index: int) -> float:
    """Return the probability of a token in the mask at `position`."""
    return float(logits[0, position].softmax(-1)[index])


def find_mask_spans(encoded: Encoded, masks: list[int]) -> tuple[tuple[int, int], ...]:
    """Return the start and end of each mask in the text."""
    return tuple((encoded.features[at].start or 0, encoded.features[at].end or 0) for at in masks)
