"""A text as words that can be replaced or dropped, with the edits so far."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from ..inputs.text import WORD, find_grapheme_starts, has_content
from .attack import Edit
from .explanation import Feature
from .granularity import find_groups, list_word_keys


@dataclass(frozen=True)
class Word:
    """A word as it stands now, the `gap` before it, and its number and characters in the original text."""

    text: str
    gap: str
    position: int
    start: int
    end: int


@dataclass(frozen=True)
class AttackedText:
    """A text as words, the whitespace (`tail`) behind the last, and the edits so far."""

    words: tuple[Word, ...]
    tail: str = ""
    edits: tuple[Edit, ...] = ()

    @classmethod
    def of(cls, text: str, features: Sequence[Feature]) -> "AttackedText":
        """Split a text into the words of its features, never within a character; what was truncated is left out."""
        words: list[Word] = []
        characters = find_grapheme_starts(text)
        end = 0
        placed = [feature for feature in features if feature.start != feature.end]
        for group in find_groups(list_word_keys(placed)):
            tokens = [placed[i] for i in group]
            start, until = max(characters[tokens[0].start or 0], end), max(token.end or 0 for token in tokens)
            while characters[until] != until:  # a tokenizer may drop an accent
                until += 1
            if until > start:
                words.append(Word(text[start:until], text[end:start], len(words), start, until))
                end = until
        return cls(tuple(words), "" if has_content(text[end:]) else text[end:])

    @property
    def text(self) -> str:
        """The edited text."""
        return "".join(word.gap + word.text for word in self.words) + self.tail

    @property
    def spans(self) -> tuple[tuple[int, int], ...]:
        """Start and end of each word in the edited text."""
        spans, end = [], 0
        for word in self.words:
            start = end + len(word.gap)
            end = start + len(word.text)
            spans.append((start, end))
        return tuple(spans)

    def locate(self, place: int) -> int:
        """Return where a character of the original text is in the edited one. Raises ValueError if it is gone."""
        for word, (start, _) in zip(self.words, self.spans, strict=True):
            if word.start <= place < word.end:
                return start + place - word.start
        raise ValueError(f"the character {place} is in no word of {self.text!r}")

    def replace_word(self, index: int, new: str, score: float = 0.0) -> "AttackedText":
        """Return a copy with `new` in the place of a word."""
        word = self.words[index]
        words = (*self.words[:index], replace(word, text=new), *self.words[index + 1 :])
        return replace(self, words=words, edits=(*self.edits, _make_edit(word, new, score)))

    def drop_words(self, scores: Mapping[int, float] | Collection[int]) -> "AttackedText":
        """Return a copy without some words, given by index or with a score each; their neighbours stay apart."""
        known = scores if isinstance(scores, Mapping) else dict.fromkeys(scores, 0.0)
        kept: list[Word] = []
        gaps: list[str] = []  # before the words dropped since the last one that is kept
        for index, word in enumerate(self.words):
            if index in known:
                gaps.append(word.gap)
            else:
                kept.append(replace(word, gap=_choose_gap(kept[-1] if kept else None, gaps, word)))
                gaps = []
        dropped = [_make_edit(self.words[index], "", known[index]) for index in sorted(known)]
        return replace(self, words=tuple(kept), edits=(*self.edits, *dropped))


def _make_edit(word: Word, new: str, score: float) -> Edit:
    return Edit(word.position, word.text, new, score, word.start, word.end)


def _choose_gap(before: Word | None, dropped: Sequence[str], word: Word) -> str:
    """Choose the text before `word` when those between it and `before`, with the gaps `dropped`, are gone."""
    if not dropped:
        return word.gap
    if before is None:
        return ""
    if word.gap or not WORD.fullmatch(before.text + word.text):
        return word.gap
    return next(filter(None, reversed(dropped)), " ")
