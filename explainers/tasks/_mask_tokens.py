"""The masks of a text and the words that fill them: names for every token of a vocabulary, and back.

Knows no method; letters: V tokens of the vocabulary, F tokens of the text.
"""

import re
from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from ..errors import BadRequest, Incompatible, LimitReached
from ..models.loading import Bundle
from ..request import Target
from ..results.explanation import Prediction
from .tokenization import Encoded, encode

MAX_MASKS = 5  # masks in a text
TOP_WORDS = 10  # words told of for each mask
TYPED_MASK = re.compile(r"_{3,}|\[MASK\]|<mask>")  # how people write a mask
CONTINUES_WORD = "…"  # before a token that goes on with a word, where its tokenizer has no mark of its own for that


def mark_masks(bundle: Bundle, texts: Mapping[str, str]) -> dict[str, str]:
    """The texts with every mask written as the model's own tokenizer writes it. Raises for none, and for too many."""
    mask = bundle.tokenizer.mask_token
    if mask is None:
        raise Incompatible(f"{bundle.card.label} has no token for a mask, so it cannot fill one.")
    found = {name: TYPED_MASK.sub(lambda _: mask, text) for name, text in texts.items()}
    count = sum(text.count(mask) for text in found.values())
    if not count:
        raise BadRequest("There is no mask in the text. Write ___ or [MASK] where a word is missing.")
    if count > MAX_MASKS:
        raise LimitReached(f"There are {count} masks in the text, and at most {MAX_MASKS} are allowed. Fill in some.")
    return found


def encode_masked(bundle: Bundle, texts: Mapping[str, str]) -> tuple[Encoded, list[int]]:
    """The texts as the model gets them, and the tokens that are masks; a baseline leaves those as they are."""
    encoded = encode(bundle, texts)
    masks = encoded.inputs["input_ids"][0] == bundle.tokenizer.mask_token_id  # (F,)
    if not masks.any():
        raise LimitReached("The model does not read as far as the mask. Shorten the text before it.")
    return replace(encoded, special=encoded.special | masks), masks.nonzero().flatten().tolist()


def name_token(bundle: Bundle, token: int) -> str:
    """What a token of the vocabulary is called."""
    written = str(bundle.tokenizer.decode([token])).strip()
    if written and _look_up_word(bundle, written) == token:
        return written
    raw = str(bundle.tokenizer.convert_ids_to_tokens(token))
    return raw if _look_up_word(bundle, raw) == token else CONTINUES_WORD + raw


def find_token(bundle: Bundle, name: str) -> int:
    """The token that is called so. Raises BadRequest if there is none."""
    found = _look_up_word(bundle, name.strip())
    if found is None:
        raise BadRequest(f"{name[:60]!r} is no single word of this model's vocabulary. Ask about a simpler one.")
    return found


def _look_up_word(bundle: Bundle, name: str) -> int | None:
    if name.startswith(CONTINUES_WORD) and len(name) > 1:
        return _look_up_token(bundle, name[1:])
    folded = name.lower() if bundle.vocabulary.folds else name
    for place in bundle.vocabulary.places.get(folded.casefold(), ()):
        if bundle.vocabulary.words[place] == folded:
            return int(bundle.vocabulary.ids[place])
    if (raw := _look_up_token(bundle, name)) is not None:
        return raw
    alone = bundle.tokenizer(name, add_special_tokens=False)["input_ids"]
    return int(alone[0]) if len(alone) == 1 and alone[0] != bundle.tokenizer.unk_token_id else None


def _look_up_token(bundle: Bundle, name: str) -> int | None:
    """The token that the vocabulary itself writes so."""
    known: dict[str, int] = bundle.tokenizer.get_vocab()
    return known.get(name)


def predict_masks(bundle: Bundle, logits: Tensor, masks: list[int]) -> Prediction:
    """The likeliest words of every mask, likeliest first, from logits (1, F, V)."""
    targets = [best for at in masks for best in predict_mask(bundle, logits, at)]
    return Prediction(tuple(sorted(targets, key=lambda target: -(target.probability or 0.0))))


def predict_mask(bundle: Bundle, logits: Tensor, at: int, most: int = TOP_WORDS) -> list[Target]:
    """The likeliest words of one mask, likeliest first."""
    shares, tokens = logits[0, at].softmax(-1).topk(min(most, logits.shape[-1]))
    return [make_target(bundle, at, i, share) for i, share in zip(tokens.tolist(), shares.tolist(), strict=True)]


def make_target(bundle: Bundle, at: int, index: int, probability: float) -> Target:
    """A word in the place of a mask."""
    return Target(name_token(bundle, index), index, at, probability=probability, text=bundle.tokenizer.mask_token)


def read_probability(logits: Tensor, at: int, index: int) -> float:
    """How likely a token is in the place of a mask."""
    return float(logits[0, at].softmax(-1)[index])


def find_mask_spans(encoded: Encoded, masks: list[int]) -> tuple[tuple[int, int], ...]:
    """Where the masks stand in the text."""
    return tuple((encoded.features[at].start or 0, encoded.features[at].end or 0) for at in masks)
