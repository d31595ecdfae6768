"""A request's texts edited word by word: the changes, the state before the last one, and the edited request."""

from dataclasses import dataclass, replace

from ..inputs.text import find_words
from ..request import Request, Target
from .edited_text import AttackedText
from .explanation import Feature


@dataclass(frozen=True)
class Change:
    """A word of the original, and what replaces it: nothing if it was deleted."""

    old: str
    new: str


@dataclass(frozen=True)
class Counterfactual:
    """The texts of a request as words, by field; `before` is the state before the last edit, to undo it."""

    request: Request
    texts: tuple[tuple[str, AttackedText], ...]
    before: "Counterfactual | None" = None

    @classmethod
    def of(cls, request: Request) -> "Counterfactual":
        """Split the texts of a request into words, with no edit."""
        return cls(request, tuple((name, _split_words(name, text)) for name, text in request.texts.items()))

    def delete_word(self, field: str, index: int) -> "Counterfactual":
        """Return a copy without a word; its neighbours stay apart."""
        return self._replace_text(field, dict(self.texts)[field].drop_words([index]))

    def replace_word(self, field: str, index: int, new: str) -> "Counterfactual":
        """Return a copy with `new` (a word, several words or a mask token) in the place of a word."""
        return self._replace_text(field, dict(self.texts)[field].replace_word(index, new))

    def _replace_text(self, field: str, text: AttackedText) -> "Counterfactual":
        return replace(self, texts=tuple((dict(self.texts) | {field: text}).items()), before=self)

    @property
    def changes(self) -> tuple[Change, ...]:
        """The differences from the original, one per word, in reading order."""
        changes: list[Change] = []
        for _, text in self.texts:
            words: dict[int, Change] = {}
            for edit in text.edits:
                first = words.get(edit.position)
                words[edit.position] = Change(first.old if first else edit.old, edit.new)
            changes += [words[position] for position in sorted(words) if words[position].old != words[position].new]
        return tuple(changes)

    def make_request(self, target: Target) -> Request:
        """Return the request with the edited texts, about `target`."""
        inputs = dict(self.request.inputs) | {name: text.text for name, text in self.texts}
        return replace(self.request, inputs=inputs, target=target)


def _split_words(field: str, text: str) -> AttackedText:
    spans = find_words(text)
    words = AttackedText.of(text, [Feature(text[a:b], field, a, b, i) for i, (a, b) in enumerate(spans)])
    return replace(words, tail=text[spans[-1][1] if spans else 0 :])
