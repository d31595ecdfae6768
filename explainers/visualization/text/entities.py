"""A text with its entities marked by colour and label, for a page on which they can be clicked."""

from dataclasses import dataclass

from ...request import Target
from ...results.explanation import Explanation
from ..palette import ENTITY_COLOURS
from .escape import show_controls
from .format import name_label


@dataclass(frozen=True)
class Part:
    """A part of the text; an entity has a `label`, a colour `hue`, and a `row` if it is explained."""

    text: str
    label: str | None = None
    hue: int = 0
    row: int | None = None


def split_entities(explanation: Explanation) -> list[Part]:
    """Split the whole text into entities and what lies between them; empty if the task is another."""
    entities = _find_entities(explanation)
    if not entities or explanation.prediction.text:
        return []
    ((_, text),) = list(explanation.source_texts.items())[:1]
    hues = {label: i for i, label in enumerate(dict.fromkeys(target.label for _, target, _ in entities))}
    found, place = [], 0
    for start, target, row in entities:
        if start < place:  # tokens that share a character: the first represents all
            continue
        end = start + len(target.text or "")
        found += [Part(show_controls(text[place:start]))] if start > place else []
        hue = hues[target.label] % len(ENTITY_COLOURS)
        found.append(Part(show_controls(text[start:end]), name_label(target), hue, row))
        place = end
    return [*found, Part(show_controls(text[place:]))] if place < len(text) else found


def _find_entities(explanation: Explanation) -> list[tuple[int, Target, int | None]]:
    """Find the start of each entity, its target, and its row, None for a predicted one that is not explained."""
    rows = {target.position: (target, row) for row, target in enumerate(explanation.targets)}
    predicted = {target.position: (target, None) for target in reversed(explanation.prediction.targets)}
    found, length = [], len(explanation.features)
    for position, (target, row) in {**predicted, **rows}.items():
        start = explanation.features[position].start if position is not None and position < length else None
        if start is not None and target.text:
            found.append((start, target, row))
    return sorted(found, key=lambda mark: mark[0])


CSS = """
.wf-entities { line-height: 2.3; max-width: 48rem; white-space: pre-wrap; overflow-wrap: anywhere; }
.wf-e { font: inherit; color: inherit; background: none; padding: .1em .35em; border-radius: .3em;
  border: 1px solid transparent; border-bottom: .2em solid; max-width: 100%; text-align: start; }
button.wf-e { cursor: pointer; }
button.wf-e:hover, button.wf-e:focus-visible, button.wf-e[aria-pressed="true"] { border-color: currentColor; }
button.wf-e:focus-visible { outline: .15em solid currentColor; outline-offset: .1em; }
.wf-e small { font-weight: 600; opacity: .85; }
""" + "".join(
    f".wf-k{i} {{ background: {tint}; border-bottom-color: {line} !important; }}\n"
    for i, (tint, line) in enumerate(ENTITY_COLOURS)
)
