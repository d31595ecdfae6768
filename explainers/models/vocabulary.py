"""The whole words that a model knows: those that are a single token each, found by asking its tokenizer.

Knows no task and no method. How a tokenizer marks the beginning of a word (##, Ġ, ▁) makes no difference here.
"""

import unicodedata
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import regex
import torch
from torch import Tensor

CARRIER = "a"  # a word that the others are tried behind
LETTERS = regex.compile(r"(?V1)\p{L}[\p{L}\p{M}]+|[\p{Han}\p{Hiragana}\p{Katakana}]")


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """W words in the order of their ids (W,), which is from common to rare in the vocabularies that training makes.

    `scripts` are those that they are written in; `folds` says whether small letters and capitals are read alike.
    """

    ids: Tensor
    words: tuple[str, ...]
    scripts: tuple[str, ...]
    folds: bool

    @cached_property
    def masks(self) -> dict[str, Tensor]:
        """Which words are written in each script, (W,)."""
        names = set(self.scripts)
        return {name: torch.tensor([kind == name for kind in self.scripts], dtype=torch.bool) for name in names}

    @cached_property
    def places(self) -> dict[str, list[int]]:
        """Where each word stands in whatever capitals, by its small letters."""
        found: dict[str, list[int]] = {}
        for i, word in enumerate(self.words):
            found.setdefault(word.casefold(), []).append(i)
        return found

    def instead(self, old: str) -> Tensor:
        """Which other words may stand in the place of a word, (W,): those of its script."""
        fits = self.masks.get(detect_script(old), torch.zeros(len(self.words), dtype=torch.bool)).clone()
        fits[self.places.get(old.casefold(), [])] = False
        return fits


def read_vocabulary(tokenizer: Any) -> Vocabulary:
    """The words of at least two letters, or one sign of Chinese or Japanese, that come back as their own token."""
    found = [(word, token) for token, word in enumerate(_written(tokenizer)) if LETTERS.fullmatch(word)]
    before = _ids(tokenizer, [CARRIER])[0]
    rows = _ids(tokenizer, [f"{CARRIER} {word}" for word, _ in found])
    whole = [pair for pair, row in zip(found, rows, strict=True) if row == [*before, pair[1]]]
    words = tuple(word for word, _ in whole)
    small, capital = _ids(tokenizer, ["why", "WHY"])
    return Vocabulary(
        ids=torch.tensor([token for _, token in whole], dtype=torch.long),
        words=words,
        scripts=tuple(detect_script(word) for word in words),
        folds=small == capital,
    )


def detect_script(word: str) -> str:
    """What a word is written in, by its first letter: LATIN, CJK, HIRAGANA and so on; empty if it has none."""
    first = next((sign for sign in word if sign.isalpha()), "")
    return unicodedata.name(first, "").split(" ")[0] if first else ""


def _ids(tokenizer: Any, texts: list[str]) -> list[list[int]]:
    return [encoding.ids for encoding in tokenizer.backend_tokenizer.encode_batch_fast(texts, add_special_tokens=False)]


def _written(tokenizer: Any) -> list[str]:
    """How each token reads alone, by id."""
    special = set(tokenizer.all_special_ids)
    tokens = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    return [
        "" if i in special or token is None else tokenizer.convert_tokens_to_string([token]).strip()
        for i, token in enumerate(tokens)
    ]


def match_case(word: str, model: str) -> str:
    """The word with the capitals of another one."""
    if len(model) > 1 and model.isupper():
        return word.upper()
    return word[:1].upper() + word[1:] if model[:1].isupper() else word
