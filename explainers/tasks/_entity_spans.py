"""Decode token logits into entities: their tokens, their classes and their scores.

B inputs in a batch, F tokens, C classes, N scored tokens of an entity.
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
CLASS_PREFIX = re.compile(r"[BIESLU]-(?=.)")  # marks whether a token begins or continues an entity


@dataclass(frozen=True)
class Entity:
    """Consecutive tokens of one class, from `first` to `last`.

    `scored` (N,) are the tokens whose mean probability is the entity's: the first of each word, or every token.
    `classes` (N,) are the indices of their classes.
    """

    label: str
    first: int
    last: int
    scored: tuple[int, ...]
    classes: tuple[int, ...]
    text: str
    probability: float = 0.0


@dataclass(frozen=True, eq=False)
class TokenLogits:
    """The tokens of a text, their logits (1, F, C), and the names of the classes."""

    text: str
    tokens: Sequence[Feature]
    logits: Tensor
    labels: tuple[str, ...]

    def find_entities(
        self,
        level: Level,
        ignored_labels: Collection[str] = ("O",),
        ignored_indexes: Collection[int] = (),
        special: bool = False,
    ) -> list[Entity]:
        """Return the entities in reading order, without those of `ignored_labels` and tokens at `ignored_indexes`.

        A word has the class of its first token. At the levels entity and simple, neighbours of one class are one
        entity unless the second begins a new one.
        """
        groups: list[list[tuple[int, int]]] = []
        for unit in self._list_units(level in ("entity", "word"), special):
            if unit[0] in ignored_indexes:
                groups.append([])  # separates its neighbours
            elif level in ("entity", "simple") and groups and groups[-1] and self._continues(groups[-1][-1], unit):
                groups[-1].append(unit)
            else:
                groups.append([unit])
        entities = [self._make_entity(group, level) for group in groups if group]
        return [entity for entity in entities if not any(self.has_class(entity, name) for name in ignored_labels)]

    def has_class(self, entity: Entity, name: str) -> bool:
        """Return True if `name` is the class of an entity, with or without its prefix."""
        return name.casefold() in (entity.label.casefold(), self.labels[entity.classes[0]].casefold())

    def name_class(self, index: int) -> str:
        """Return the name of the class with this index. Raises BadRequest if there is none."""
        if not 0 <= index < len(self.labels):
            raise BadRequest(f"The model has no class {index}. Its classes: {', '.join(self.labels[:30])}.")
        return self.labels[index]

    def make_token_entity(self, position: int) -> Entity:
        """Return the token at `position` as an entity of its most probable class."""
        if not 0 <= position < len(self.tokens):
            raise BadRequest(f"There is no token {position}: the model reads tokens 0 to {len(self.tokens) - 1}.")
        return self._make_entity([(position, position)], "token")

    def change_class(self, entity: Entity, name: str) -> Entity:
        """Return an entity with another class: of all its tokens (PER), or with the first token's prefix (B-PER)."""
        known = {label.casefold(): i for i, label in enumerate(self.labels)}
        kind = strip_prefix(self.labels[known[name.casefold()]] if name.casefold() in known else name).casefold()
        classes = []
        for n, own in enumerate(entity.classes):
            prefix = CLASS_PREFIX.match(self.labels[own])
            beginning = [
                name.casefold(),
                f"{prefix.group().casefold() if prefix else ''}{kind}",
                f"b-{kind}",
                f"i-{kind}",
            ]
            continuing = [beginning[1], f"i-{kind}", f"b-{kind}"]
            index = next((known[tag] for tag in (*(continuing if n else beginning), kind) if tag in known), None)
            if index is None:
                raise BadRequest(f"The model has no class {name[:60]!r}. Its classes: {', '.join(self.labels[:30])}.")
            classes.append(index)
        label = self.labels[classes[0]] if name.casefold() in known else strip_prefix(self.labels[classes[0]])
        return self._score(label, entity.first, entity.last, entity.scored, tuple(classes), entity.text)

    def _list_units(self, words: bool, special: bool) -> list[tuple[int, int]]:
        """Return the first and last token of every word, or of every token; special tokens only if `special`."""
        places = [i for i, token in enumerate(self.tokens) if special or not token.special]
        if not words:
            return [(i, i) for i in places]
        tokens = [self.tokens[i] for i in places]
        units: list[tuple[int, int]] = []
        for group in find_groups(list_word_keys(tokens)):
            solid = [n for n in group if tokens[n].special or tokens[n].start != tokens[n].end]  # no space before
            if solid:
                units.append((places[solid[0]], places[group[-1]]))
        return units

    def _continues(self, before: tuple[int, int], unit: tuple[int, int]) -> bool:
        """Return True if a unit continues the entity of the one before, by the rule of transformers' pipeline."""
        one, other = (self.labels[self._predict_class(at)] for at, _ in (before, unit))
        return not other.startswith("B-") and _strip_bio_prefix(one) == _strip_bio_prefix(other)

    def _make_entity(self, group: Sequence[tuple[int, int]], level: Level) -> Entity:
        scored = tuple(unit[0] for unit in group)
        classes = tuple(self._predict_class(at) for at in scored)
        first, last = scored[0], group[-1][1]
        label = self.labels[classes[0]]
        start, end = self.tokens[first].start, self.tokens[last].end
        text = self.text[start:end].strip() if start is not None else ""
        name = strip_prefix(label) if level in ("entity", "simple") else label
        return self._score(name, first, last, scored, classes, text or self.tokens[first].text)

    def _score(
        self, label: str, first: int, last: int, scored: tuple[int, ...], classes: tuple[int, ...], text: str
    ) -> Entity:
        probability = float(score_entity(self.logits, scored, classes, "probability"))
        return Entity(label, first, last, scored, classes, text, probability)

    def _predict_class(self, at: int) -> int:
        return int(self.logits[0, at].argmax())


def select_entities(logits: TokenLogits, target: Target, entities: list[Entity], grouping: Level) -> list[Entity]:
    """Return the entity at the target's position, or else all entities of its class, or else all."""
    name = target.label
    if name is None and target.index is not None:
        name = logits.name_class(target.index)
    if target.position is not None:
        entities = [] if CLASS_PREFIX.match(name or "") else entities
        entity = _find_entity_at(logits, target.position, entities, grouping)
        return [entity if name is None else logits.change_class(entity, name)]
    if not entities:
        raise BadRequest("The model finds no entity in this text. Mention people, places or organisations in it.")
    selected = [entity for entity in entities if name is None or logits.has_class(entity, name)]
    if not selected:
        classes = ", ".join(dict.fromkeys(entity.label for entity in entities))
        raise BadRequest(f"The model finds no {str(name)[:60]!r} in this text, but {classes}.")
    return selected


def _find_entity_at(logits: TokenLogits, position: int, entities: list[Entity], grouping: Level) -> Entity:
    """Return the entity that begins at a token, else the word that does, else the token alone."""
    words = logits.find_entities("word", (), special=True) if grouping in ("entity", "word") else []
    at_position = (entity for entity in (*entities, *words) if entity.first == position)
    return next(at_position, None) or logits.make_token_entity(position)


def pair_with_foil(logits: TokenLogits, entities: list[Entity], foil: str | None) -> list[tuple[Entity, Entity | None]]:
    """Pair each entity with itself as the class `foil`; entities of that class are left out."""
    if foil is None:
        return [(entity, None) for entity in entities]
    pairs = [(entity, logits.change_class(entity, foil)) for entity in entities]
    others = [(entity, other) for entity, other in pairs if entity.classes != other.classes]
    if not others:
        raise BadRequest(f"{entities[0].label} cannot be compared with itself. Choose another label to compare with.")
    return [*others]


def strip_prefix(label: str) -> str:
    """Return a class without its prefix: PER for B-PER."""
    return CLASS_PREFIX.sub("", label, count=1) if CLASS_PREFIX.match(label) else label


def _strip_bio_prefix(label: str) -> str:
    return label[2:] if label.startswith(("B-", "I-")) else label


def score_entity(logits: Tensor, scored: Sequence[int], classes: Sequence[int], unit: Unit) -> Tensor:
    """Return the score (B,) of an entity with N scored tokens of `classes` (N,), from logits (B, F, C).

    Its probability is the mean of its tokens', as in transformers' pipeline; its logit is the mean of their logits.
    """
    rows = logits[:, list(scored)]  # (B, N, C)
    chosen = torch.zeros(rows.shape[1:], dtype=torch.bool)
    chosen[range(len(classes)), list(classes)] = True  # (N, C)
    own = rows[:, chosen]  # (B, N)
    if unit == "logit":
        return own.mean(dim=1)
    total = rows.logsumexp(dim=-1)
    if unit == "probability":
        return (own - total).exp().mean(dim=1)
    others = rows.masked_fill(chosen, -torch.inf).logsumexp(dim=-1)
    return (own - total).logsumexp(dim=1) - (others - total).logsumexp(dim=1)  # log-odds of the mean: N cancels out
