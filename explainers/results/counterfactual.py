"""A request's texts changed word by word: what was done, what to undo, and the request about what they say now.

Knows no model and no page: words are those of the text itself, read by a model or not.
"""

from dataclasses import dataclass, replace

from ..inputs.text import find_words
from ..request import Request, Target
from .edited_text import AttackedText
from .explanation import Feature


@dataclass(frozen=True)
class Change:
    """What a word of the original was, and what stands there now: nothing if it was taken away."""

    old: str
    new: str


@dataclass(frozen=True)
class Counterfactual:
    """The texts of a request by field, as words, and as they were before the last change."""

    request: Request
    texts: tuple[tuple[str, AttackedText], ...]
    before: "Counterfactual | None" = None

    @classmethod
    def of(cls, request: Request) -> "Counterfactual":
        """The request's own texts, with nothing changed."""
        return cls(request, tuple((name, _worded(name, text)) for name, text in request.texts.items()))

    def deleted(self, field: str, index: int) -> "Counterfactual":
        """The same without a word, and no two words grown together where it stood."""
        return self._with(field, dict(self.texts)[field].without([index]))

    def replaced(self, field: str, index: int, new: str) -> "Counterfactual":
        """The same with other words, or a mask, in the place of a word."""
        return self._with(field, dict(self.texts)[field].swapped(index, new))

    def _with(self, field: str, wording: AttackedText) -> "Counterfactual":
        return replace(self, texts=tuple((dict(self.texts) | {field: wording}).items()), before=self)

    @property
    def changes(self) -> tuple[Change, ...]:
        """What is different from the original, each word once, in reading order."""
        found: list[Change] = []
        for _, wording in self.texts:
            words: dict[int, Change] = {}
            for edit in wording.edits:
                first = words.get(edit.position)
                words[edit.position] = Change(first.old if first else edit.old, edit.new)
            found += [words[position] for position in sorted(words) if words[position].old != words[position].new]
        return tuple(found)

    def changed(self, target: Target) -> Request:
        """The request about the texts as they are now, asking for `target`."""
        inputs = dict(self.request.inputs) | {name: wording.text for name, wording in self.texts}
        return replace(self.request, inputs=inputs, target=target)


def _worded(field: str, text: str) -> AttackedText:
    words = find_words(text)
    wording = AttackedText.of(text, [Feature(text[a:b], field, a, b, i) for i, (a, b) in enumerate(words)])
    end = words[-1][1] if words else 0
    return replace(wording, tail=text[end:])
