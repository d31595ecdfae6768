"""A text whose words can be clicked and edited, and the effect of the edits in one sentence."""

from dataclasses import dataclass

from ...request import Target
from ...results.counterfactual import Change, Counterfactual
from ...results.edited_text import AttackedText
from ...results.explanation import Explanation, Prediction
from ..html import bold, join_items, quote
from ..palette import CSS as MAPS
from ..summaries.mask_predictions import list_masks
from .escape import escape, show_controls
from .format import format_probability, format_unsigned, name_field, name_label
from .segments import Segment, has_score, split_segments
from .spans import STRONG

NAMED = 3  # edits that a sentence names


@dataclass(frozen=True)
class Part:
    """A part of a text; a word has an `index`, and a `strength`, 0 to 1, and CSS class `kind` if it has a score."""

    text: str
    index: int | None = None
    strength: float = 0.0
    kind: str = ""


@dataclass(frozen=True)
class Line:
    """One input with its name, in parts."""

    field: str
    label: str
    pieces: tuple[Part, ...]


def list_lines(counterfactual: Counterfactual, explanation: Explanation | None, row: int, limit: float) -> list[Line]:
    """Return the edited texts, coloured by their explanation if it is given."""
    return [
        Line(name, name_field(name), _split_parts(text, _find_scores(name, text, explanation, row), limit))
        for name, text in counterfactual.texts
    ]


def _find_scores(field: str, text: AttackedText, explanation: Explanation | None, row: int) -> list[Segment]:
    if explanation is None or explanation.source_texts.get(field) != text.text:
        return []
    return [segment for segment in split_segments(explanation.by_word(), field, row) if has_score(segment)]


def _split_parts(text: AttackedText, scores: list[Segment], limit: float) -> tuple[Part, ...]:
    parts: list[Part] = []
    for index, (word, (start, end)) in enumerate(zip(text.words, text.spans, strict=True)):
        score = sum(segment.score or 0.0 for segment in scores if start <= segment.start < end)
        strength = min(1.0, abs(score) / limit) if limit else 0.0
        kind = f"{'wf-n' if score < 0 else 'wf-p'}{' wf-strong' if strength >= STRONG else ''}" if score else ""
        parts += [Part(show_controls(word.gap))] if word.gap else []
        parts.append(Part(show_controls(word.text), index, round(strength, 3), kind))
    return (*parts, Part(show_controls(text.tail))) if text.tail else tuple(parts)


def describe_effect(changes: tuple[Change, ...], before: Prediction, after: Prediction, unit: str) -> str:
    """Describe the prediction for the edited texts, and that for the original ones. HTML."""
    edits, outcome = _describe_changes(changes), _describe_outcome(before, after, unit)
    return f"{edits} {outcome}" if edits else f"{outcome[:1].upper()}{outcome[1:]}"


def _describe_changes(changes: tuple[Change, ...]) -> str:
    if not changes:
        return ""
    if len(changes) > NAMED:
        return f"After {len(changes)} changes"
    deleted = [quote(change.old) for change in changes if not change.new]
    replaced = [f"{quote(change.new)} for {quote(change.old)}" for change in changes if change.new]
    parts = [f"without {join_items(deleted)}"] * bool(deleted) + [f"with {join_items(replaced)}"] * bool(replaced)
    sentence = " and ".join(parts)
    return f"{sentence[:1].upper()}{sentence[1:]}"


def _describe_outcome(before: Prediction, after: Prediction, unit: str) -> str:
    if before.text or after.text:
        verb = "generates" if after.alternatives else "answers"
        then, now = (
            "" if p.alternatives or not p.targets else _format_probability(p.targets[0]) for p in (before, after)
        )
        return _compare_answers(verb, bold(before.text, 80), then, bold(after.text, 80), now)
    if (one := list_masks(before)) and (other := list_masks(after)):
        return _compare_masks([there[0] for there in one], [there[0] for there in other])
    if any(target.position is not None for target in (*before.targets, *after.targets)):
        return _compare_entities(before, after)
    if not before.targets or not after.targets:
        return "the predictions cannot be compared."
    first, last = before.targets[0], after.targets[0]
    if unit.startswith("score"):
        return _compare_answers(
            "gives", _render_label(first), _format_score(first), _render_label(last), _format_score(last)
        )
    return _compare_answers(
        "predicts", _render_label(first), _format_probability(first), _render_label(last), _format_probability(last)
    )


def _compare_answers(verb: str, first: str, number_then: str, last: str, number_now: str) -> str:
    """Compare two answers, each with its number. HTML."""
    now, then = (f" ({number})" if number else "" for number in (number_now, number_then))
    if first != last:
        return f"the model {verb} {last}{now} instead of {first}{then}."
    if number_now != number_then:
        return f"the model still {verb} {last} ({number_now}, before {number_then})."
    return f"the model {verb} the same: {last}{now}."


def _compare_masks(before: list[Target], after: list[Target]) -> str:
    """Compare the most probable words for each mask. HTML."""
    then, now = (" … ".join(f"“{_render_label(word)}”" for word in words) for words in (before, after))
    shares = (_format_probability(words[0]) if len(words) == 1 else "" for words in (before, after))
    return _compare_answers("predicts", then, next(shares), now, next(shares))


def _compare_entities(before: Prediction, after: Prediction) -> str:
    one, other = ([(target.text or "", target.label or "") for target in p.targets] for p in (before, after))
    lost = [f"{bold(text, 80)} as {bold(label, 80)}" for text, label in one if (text, label) not in other]
    gained = [f"{bold(text, 80)} as {bold(label, 80)}" for text, label in other if (text, label) not in one]
    if not lost and not gained:
        return "the model finds the same entities."
    parts = [f"no longer labels {join_items(lost)}"] * bool(lost) + [f"now labels {join_items(gained)}"] * bool(gained)
    return f"the model {', and '.join(parts)}."


def _render_label(target: Target) -> str:
    return bold(name_label(target), 80)


def _format_probability(target: Target) -> str:
    return "" if target.probability is None else escape(format_probability(target.probability))


def _format_score(target: Target) -> str:
    return format_unsigned(target.probability or 0.0)


CSS = (
    MAPS
    + """
.wf-words { font-size: 1.15rem; line-height: 2.2; max-width: 48rem; white-space: pre-wrap; overflow-wrap: anywhere; }
.wf-w { font: inherit; color: inherit; cursor: pointer; padding: .05em .03em; margin: 0; max-width: 100%;
  border: 1px solid transparent; border-bottom: .14em none; border-radius: .25em; white-space: pre-wrap; }
.wf-w:not(.wf-p, .wf-n) { background: none; }
.wf-w:hover { outline: 1px solid currentColor; }
.wf-w[aria-pressed="true"], .wf-w:focus-visible { outline: .15em solid currentColor; outline-offset: .05em; }
"""
)
