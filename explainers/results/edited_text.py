"""A text as words that can be swapped or dropped, remembering what was done to it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from ..inputs.text import WORD
from .attack import Edit
from .explanation import Feature
from .granularity import find_groups, list_word_keys


@dataclass(frozen=True)
class Word:
    """A word as it stands now, the `gap` before it, and its place in the text that the Wording began with."""

    text: str
    gap: str
    position: int
    start: int
    end: int


@dataclass(frozen=True)
class AttackedText:
    """A text in pieces, what follows the last of them, and the edits that made it."""

    pieces: tuple[Word, ...]
    tail: str = ""
    edits: tuple[Edit, ...] = ()

    @classmethod
    def of(cls, text: str, features: Sequence[Feature]) -> "AttackedText":
        """The words that a model read of a text. What it did not read, behind them, is left out."""
        pieces: list[Word] = []
        end = 0
        placed = [feature for feature in features if feature.start != feature.end]
        for group in find_groups(list_word_keys(placed)):
            tokens = [placed[i] for i in group]
            start, until = max(tokens[0].start or 0, end), max(token.end or 0 for token in tokens)
            if until > start:
                pieces.append(Word(text[start:until], text[end:start], len(pieces), start, until))
                end = until
        return cls(tuple(pieces), text[end:] if not text[end:].strip() else "")

    @property
    def text(self) -> str:
        """The text as it reads now."""
        return "".join(piece.gap + piece.text for piece in self.pieces) + self.tail

    @property
    def places(self) -> tuple[tuple[int, int], ...]:
        """Where each piece begins and ends in the text as it reads now."""
        found, end = [], 0
        for piece in self.pieces:
            start = end + len(piece.gap)
            end = start + len(piece.text)
            found.append((start, end))
        return tuple(found)

    def now(self, place: int) -> int:
        """Where a character of the text that this began with is now; its piece must still be there."""
        for piece, (start, _) in zip(self.pieces, self.places, strict=True):
            if piece.start <= place < piece.end:
                return start + place - piece.start
        raise ValueError(f"the character {place} is in no piece of {self.text!r}")

    def swapped(self, index: int, new: str, score: float = 0.0) -> "AttackedText":
        """The same with another word in the place of a piece."""
        piece = self.pieces[index]
        pieces = (*self.pieces[:index], replace(piece, text=new), *self.pieces[index + 1 :])
        return replace(self, pieces=pieces, edits=(*self.edits, _edit(piece, new, score)))

    def without(self, scores: Mapping[int, float] | Collection[int]) -> "AttackedText":
        """The same without some pieces, and no words grown together where they stood."""
        known = scores if isinstance(scores, Mapping) else dict.fromkeys(scores, 0.0)
        kept: list[Word] = []
        gaps: list[str] = []  # of what was dropped since the last that is kept
        for index, piece in enumerate(self.pieces):
            if index in known:
                gaps.append(piece.gap)
            else:
                kept.append(replace(piece, gap=_gap(kept[-1] if kept else None, gaps, piece)))
                gaps = []
        dropped = [_edit(self.pieces[index], "", known[index]) for index in sorted(known)]
        return replace(self, pieces=tuple(kept), edits=(*self.edits, *dropped))


def _edit(piece: Word, new: str, score: float) -> Edit:
    return Edit(piece.position, piece.text, new, score, piece.start, piece.end)


def _gap(before: Word | None, dropped: Sequence[str], piece: Word) -> str:
    """What stands before a piece when those between it and the last are gone."""
    if not dropped:
        return piece.gap
    if before is None:
        return ""
    if piece.gap or not WORD.fullmatch(before.text + piece.text):
        return piece.gap
    return next(filter(None, reversed(dropped)), " ")
