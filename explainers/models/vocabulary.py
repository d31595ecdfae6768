"""Find the whole words of a tokenizer, those that are a single token each, whether it marks words by ##, Ġ or ▁."""

import math
import unicodedata
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import regex
import torch
from torch import Tensor

CARRIER = "a"  # the word before each word that is tested
LETTERS = regex.compile(r"(?V1)\p{L}[\p{L}\p{M}]+|[\p{Han}\p{Hiragana}\p{Katakana}]")


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """W words in the order of their ids (W,), usually from frequent to rare, with the script of each.

    `folds` is True if the tokenizer ignores case.
    """

    ids: Tensor
    words: tuple[str, ...]
    scripts: tuple[str, ...]
    folds: bool

    @cached_property
    def masks(self) -> dict[str, Tensor]:
        """The mask (W,) of the words of each script."""
        names = set(self.scripts)
        return {name: torch.tensor([kind == name for kind in self.scripts], dtype=torch.bool) for name in names}

    @cached_property
    def places(self) -> dict[str, list[int]]:
        """The indices of each word by its lower-case form."""
        places: dict[str, list[int]] = {}
        for i, word in enumerate(self.words):
            places.setdefault(word.casefold(), []).append(i)
        return places

    def find_alternatives(self, old: str) -> Tensor:
        """Return the mask (W,) of the other words of the same script."""
        fits = self.masks.get(detect_script(old), torch.zeros(len(self.words), dtype=torch.bool)).clone()
        fits[self.places.get(old.casefold(), [])] = False
        return fits


def read_vocabulary(tokenizer: Any, count: float = math.inf) -> Vocabulary:
    """Read the words of at least two letters, or one Chinese or Japanese character, that encode to a single token.

    Only ids below `count` are taken: a model may have embeddings for fewer tokens than its tokenizer knows.
    """
    decoded = enumerate(_decode_tokens(tokenizer))
    candidates = [(word, token) for token, word in decoded if token < count and LETTERS.fullmatch(word)]
    before = _encode(tokenizer, [CARRIER])[0]
    rows = _encode(tokenizer, [f"{CARRIER} {word}" for word, _ in candidates])
    whole = [pair for pair, row in zip(candidates, rows, strict=True) if row == [*before, pair[1]]]
    words = tuple(word for word, _ in whole)
    small, capital = _encode(tokenizer, ["why", "WHY"])
    return Vocabulary(
        ids=torch.tensor([token for _, token in whole], dtype=torch.long),
        words=words,
        scripts=tuple(detect_script(word) for word in words),
        folds=small == capital,
    )


def detect_script(word: str) -> str:
    """Return the script of a word's first letter (LATIN, CJK, HIRAGANA, …), or an empty string if it has none."""
    first = next((sign for sign in word if sign.isalpha()), "")
    return unicodedata.name(first, "").split(" ")[0] if first else ""


def _encode(tokenizer: Any, texts: list[str]) -> list[list[int]]:
    if not tokenizer.is_fast:
        return [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]
    return [encoding.ids for encoding in tokenizer.backend_tokenizer.encode_batch_fast(texts, add_special_tokens=False)]


def _decode_tokens(tokenizer: Any) -> list[str]:
    """Return the text of each token alone, by id."""
    special = set(tokenizer.all_special_ids)
    tokens = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    return [
        "" if i in special or token is None else tokenizer.convert_tokens_to_string([token]).strip()
        for i, token in enumerate(tokens)
    ]


def match_case(word: str, model: str) -> str:
    """Return the word with the capitalisation of another one."""
    if len(model) > 1 and model.isupper():
        return word.upper()
    return word[:1].upper() + word[1:] if model[:1].isupper() else word
