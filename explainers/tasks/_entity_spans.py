"""From the logits of every token to entities: which tokens count, what class they have, and their numbers.

Letters: B inputs in a batch, F tokens, C classes, N tokens that count.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from ..errors import BadRequest
from ..request import Target
from ..results.explanation import Feature
from ..results.granularity import find_groups, list_word_keys
from ._scores import Unit

Level = Literal["entity", "simple", "word", "token"]
CLASS_PREFIX = re.compile(r"[BIESLU]-(?=.)")  # how a class says whether a token begins its entity or goes on with it


@dataclass(frozen=True)
class Entity:
    """Neighbouring tokens of one class, `first` to `last`.

    `counted` are those whose probabilities make the entity's own, which is their mean: the first token of each word,
    or every token. `classes` are the classes asked about at these, by index; `probability` is None until it is read.
    """

    label: str
    first: int
    last: int
    counted: tuple[int, ...]
    classes: tuple[int, ...]
    text: str
    probability: float = 0.0


@dataclass(frozen=True, eq=False)
class TokenLogits:
    """What the model says of every token of a text: logits (1, F, C), the tokens, and the names of the classes."""

    text: str
    tokens: Sequence[Feature]
    logits: Tensor
    labels: tuple[str, ...]

    def entities(
        self,
        level: Level,
        ignored_labels: Collection[str] = ("O",),
        ignored_indexes: Collection[int] = (),
        special: bool = False,
    ) -> list[Entity]:
        """What is there in reading order, pieces of `ignored_labels` and tokens at `ignored_indexes` left out.

        A word has the class of its first token. At the levels entity and simple, neighbours of one class are one
        entity unless the second begins a new one.
        """
        groups: list[list[tuple[int, int]]] = []
        for piece in self._pieces(level in ("entity", "word"), special):
            if piece[0] in ignored_indexes:
                groups.append([])  # what stands on either side of it is not joined
            elif level in ("entity", "simple") and groups and groups[-1] and self._goes_on(groups[-1][-1], piece):
                groups[-1].append(piece)
            else:
                groups.append([piece])
        found = [self._entity(group, level) for group in groups if group]
        return [entity for entity in found if not any(self.goes_by(entity, name) for name in ignored_labels)]

    def goes_by(self, entity: Entity, name: str) -> bool:
        """Whether an entity is of the class that is called so, with its prefix or without."""
        return name.casefold() in (entity.label.casefold(), self.labels[entity.classes[0]].casefold())

    def alone(self, position: int) -> Entity:
        """One token with its most probable class."""
        if not 0 <= position < len(self.tokens):
            raise BadRequest(f"There is no token {position}: the model reads tokens 0 to {len(self.tokens) - 1}.")
        return self._entity([(position, position)], "token")

    def as_class(self, entity: Entity, name: str) -> Entity:
        """The same tokens, asked about another class: of the whole entity (PER), or just that of its first (B-PER)."""
        known = {label.casefold(): i for i, label in enumerate(self.labels)}
        kind = strip_prefix(self.labels[known[name.casefold()]] if name.casefold() in known else name).casefold()
        classes = []
        for n, own in enumerate(entity.classes):
            prefix = CLASS_PREFIX.match(self.labels[own])
            begun = [name.casefold(), f"{prefix.group().casefold() if prefix else ''}{kind}", f"b-{kind}", f"i-{kind}"]
            going_on = [begun[1], f"i-{kind}", f"b-{kind}"]
            found = next((known[tag] for tag in (*(going_on if n else begun), kind) if tag in known), None)
            if found is None:
                raise BadRequest(f"The model has no class {name[:60]!r}. Its classes: {', '.join(self.labels[:30])}.")
            classes.append(found)
        label = self.labels[classes[0]] if name.casefold() in known else strip_prefix(self.labels[classes[0]])
        return self._read(label, entity.first, entity.last, entity.counted, tuple(classes), entity.text)

    def _pieces(self, words: bool, special: bool) -> list[tuple[int, int]]:
        """First and last token of every word, or of every token; those that a tokenizer adds only if asked for."""
        places = [i for i, token in enumerate(self.tokens) if special or not token.special]
        if not words:
            return [(i, i) for i in places]
        read = [self.tokens[i] for i in places]
        pieces: list[tuple[int, int]] = []
        for group in find_groups(list_word_keys(read)):
            solid = [n for n in group if read[n].special or read[n].start != read[n].end]  # no word begins with space
            if solid:
                pieces.append((places[solid[0]], places[group[-1]]))
        return pieces

    def _goes_on(self, before: tuple[int, int], piece: tuple[int, int]) -> bool:
        """Whether a piece goes on with the entity of the one before, by the rule of transformers' pipeline."""
        one, other = (self.labels[self._class(at)] for at, _ in (before, piece))
        return not other.startswith("B-") and _strip_bio_prefix(one) == _strip_bio_prefix(other)

    def _entity(self, group: Sequence[tuple[int, int]], level: Level) -> Entity:
        counted = tuple(piece[0] for piece in group)
        classes = tuple(self._class(at) for at in counted)
        first, last = counted[0], group[-1][1]
        label = self.labels[classes[0]]
        start, end = self.tokens[first].start, self.tokens[last].end
        text = self.text[start:end].strip() if start is not None else ""
        named = strip_prefix(label) if level in ("entity", "simple") else label
        return self._read(named, first, last, counted, classes, text or self.tokens[first].text)

    def _read(
        self, label: str, first: int, last: int, counted: tuple[int, ...], classes: tuple[int, ...], text: str
    ) -> Entity:
        probability = float(score_entity(self.logits, counted, classes, "probability"))
        return Entity(label, first, last, counted, classes, text, probability)

    def _class(self, at: int) -> int:
        return int(self.logits[0, at].argmax())


def select_entities(scene: TokenLogits, wanted: Target, found: list[Entity], grouping: Level) -> list[Entity]:
    """The entities asked about: one by its position, else all of a class, else all."""
    name = wanted.label
    if name is None and wanted.index is not None:
        if not 0 <= wanted.index < len(scene.labels):
            raise BadRequest(f"The model has no class {wanted.index}. Its classes: {', '.join(scene.labels[:30])}.")
        name = scene.labels[wanted.index]
    if wanted.position is not None:
        there = _find_entity_at(scene, wanted.position, [] if CLASS_PREFIX.match(name or "") else found, grouping)
        return [there if name is None else scene.as_class(there, name)]
    if not found:
        raise BadRequest("The model finds no entity in this text. Name people, places or organisations in it.")
    chosen = [entity for entity in found if name is None or scene.goes_by(entity, name)]
    if not chosen:
        classes = ", ".join(dict.fromkeys(entity.label for entity in found))
        raise BadRequest(f"The model finds no {str(name)[:60]!r} in this text, but {classes}.")
    return chosen


def _find_entity_at(scene: TokenLogits, position: int, found: list[Entity], grouping: Level) -> Entity:
    """The entity that begins at a token, else the word that does, else the token alone."""
    pieces = scene.entities("word", (), special=True) if grouping in ("entity", "word") else []
    return next((entity for entity in (*found, *pieces) if entity.first == position), None) or scene.alone(position)


def pair_with_foil(scene: TokenLogits, asked: list[Entity], foil: str | None) -> list[tuple[Entity, Entity | None]]:
    """Each entity with what it is compared with; those that are of the foil's class already are left out."""
    if foil is None:
        return [(entity, None) for entity in asked]
    pairs = [(entity, scene.as_class(entity, foil)) for entity in asked]
    others = [(entity, other) for entity, other in pairs if entity.classes != other.classes]
    if not others:
        raise BadRequest(f"{asked[0].label} cannot be compared with itself. Choose another label to compare with.")
    return [*others]


def strip_prefix(label: str) -> str:
    """A class without its prefix: PER for B-PER."""
    return CLASS_PREFIX.sub("", label, count=1) if CLASS_PREFIX.match(label) else label


def _strip_bio_prefix(label: str) -> str:
    return label[2:] if label.startswith(("B-", "I-")) else label


def score_entity(logits: Tensor, counted: Sequence[int], classes: Sequence[int], unit: Unit) -> Tensor:
    """What is explained of an entity, (B,), from logits (B, F, C).

    Its probability is the mean of its tokens', as in transformers' pipeline; its logit is the mean of their logits.
    """
    rows = logits[:, list(counted)]  # (B, N, C)
    wanted = torch.zeros(rows.shape[1:], dtype=torch.bool)
    wanted[range(len(classes)), list(classes)] = True  # (N, C)
    own = rows[:, wanted]  # (B, N)
    if unit == "logit":
        return own.mean(dim=1)
    every = rows.logsumexp(dim=-1)
    if unit == "probability":
        return (own - every).exp().mean(dim=1)
    others = rows.masked_fill(wanted, -torch.inf).logsumexp(dim=-1)
    return (own - every).logsumexp(dim=1) - (others - every).logsumexp(dim=1)  # of the mean: N cancels out
