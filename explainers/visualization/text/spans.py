"""The input text with each word or token coloured by its score."""

import math
from collections.abc import Sequence

from ...results.explanation import Explanation
from ..html import add_style, render_legend, render_note
from ..summaries.mask_predictions import list_words
from .escape import escape, escape_plain
from .format import (
    format_decimals,
    format_number,
    format_share,
    format_unsigned,
    name_field,
    name_label,
    name_score,
    shorten,
)
from .segments import Segment, collect_spreads, has_score, measure_special_share, rank_segments, split_segments

STRONG = 0.4  # of the largest score; from here on an underline shows the sign too
MAX_FOCUSABLE = 200  # segments that the Tab key reaches, strongest first; all show their score on hover
UNITS = {"logit": "logits", "log_odds": "log-odds", "score": "the model's own score"}
LARGE_LOG_ODDS = 12  # from here on odds are too large to be useful


def render_spans(explanation: Explanation, row: int = 0, limit: float | None = None) -> str:
    """Render every input with its legend, as HTML; a score of `limit`, by default the largest, has full colour."""
    fields = list(explanation.source_texts)
    segments = {name: split_segments(explanation, name, row) for name in fields}
    scored = [segment for name in fields for segment in segments[name] if has_score(segment)]
    limit = find_strongest_score(explanation, row) if limit is None else limit
    spreads = collect_spreads(explanation, row)
    focusable = {id(s) for s in sorted(scored, key=lambda s: -abs(s.score or 0.0))[:MAX_FOCUSABLE]}
    blocks = [
        _open_block(name, fields)
        + "".join(
            _render_span(
                segment, limit, describe_score(explanation, row, segment.score), id(segment) in focusable, spreads
            )
            for segment in segments[name]
        )
        + "</div>"
        for name in fields
    ]
    return add_style("".join(blocks) + _render_legend(explanation, limit, row))


def find_strongest_score(explanation: Explanation, row: int = 0) -> float:
    """Return the largest absolute score of a segment."""
    return max((abs(segment.score or 0.0) for segment in rank_segments(explanation, row)), default=0.0)


def find_common_limit(explanations: Sequence[Explanation], rows: Sequence[int]) -> float | None:
    """Return a common colour limit for several explanations; None if their scores are not comparable.

    They are comparable in one unit, if all are additive or all come from one method on one model.
    """
    sources = {(explanation.request.method, explanation.request.model) for explanation in explanations}
    if len({explanation.unit for explanation in explanations}) > 1:
        return None
    if len(sources) > 1 and not all(explanation.additive for explanation in explanations):
        return None
    return max(find_strongest_score(explanation, row) for explanation, row in zip(explanations, rows, strict=True))


def _open_block(field: str, fields: list[str]) -> str:
    """Open the block of an input, with its name if there are several."""
    name = escape_plain(name_field(field))
    caption = f'<div class="wf-field" aria-hidden="true">{escape(name_field(field))}</div>' if len(fields) > 1 else ""
    return f'{caption}<div class="wf-map" role="list" dir="auto" aria-label="{name}, each word with its score">'


def name_direction(explanation: Explanation, row: int) -> str:
    """Name what a positive score pushes towards."""
    label, foil = _name_label(explanation, row), explanation.targets[row].foil
    return label if foil is None else f"{label} rather than {foil}"


def name_directions(explanation: Explanation, row: int) -> dict[int, str]:
    """Name the direction of positive (1) and negative (-1) scores; only 1 if scores have no sign."""
    if not explanation.signed:
        return {1: "in either direction"}
    label, foil = _name_label(explanation, row), explanation.targets[row].foil
    away = f"away from {label}" if foil is None else f"towards {foil} rather than {label}"
    return {1: f"towards {name_direction(explanation, row)}", -1: away}


def _name_label(explanation: Explanation, row: int) -> str:
    target = explanation.targets[row]
    if not target.text or target.text == name_label(target) or list_words(explanation, row):
        return name_label(target)
    return f"“{shorten(target.text)}” as {name_label(target)}"


def describe_score(explanation: Explanation, row: int, score: float | None) -> str:
    """Describe a score and its direction."""
    if not score:
        return "0, no push"
    if not explanation.signed:
        return f"{format_unsigned(score)}, {name_directions(explanation, row)[1]}"
    return f"{format_number(score)} {name_directions(explanation, row)[-1 if score < 0 else 1]}"


def _render_span(
    segment: Segment, limit: float, description: str, focusable: bool, spreads: dict[tuple[str, int], float]
) -> str:
    text = escape(segment.text)
    if not has_score(segment) or segment.score is None:
        return text if segment.read else f'<span class="wf-unread" title="not read by the model">{text}</span>'
    strength = abs(segment.score) / limit if limit else 0.0
    kind = "wf-n" if segment.score < 0 else "wf-p"
    strong = " wf-strong" if strength >= STRONG else ""
    spread = spreads.get((segment.field, segment.start))
    error = "" if spread is None else f" ± {format_unsigned(spread)}"
    focus = ' tabindex="0"' if focusable else ""
    label = escape_plain(f"{segment.text.strip()}: {description}{error}")
    # A span and not a bdi, which would put isolated Arabic or Hebrew words into left-to-right order.
    return (
        f'<span class="wf-t {kind}{strong}" role="listitem"{focus} style="--s:{strength:.3f}" '
        f'data-n="{format_number(segment.score)}{error}" aria-label="{label}">{text}</span>'
    )


def _render_legend(explanation: Explanation, limit: float, row: int) -> str:
    return render_legend(
        name_directions(explanation, row) if limit else {}, describe_scale(explanation, limit, row)
    ) + _render_specials(explanation, row)


def describe_scale(explanation: Explanation, limit: float, row: int = 0) -> str:
    """Describe the score that has full colour."""
    if not limit:
        return "Every score is 0: nothing is coloured."
    sentence = f"Full colour: {format_unsigned(limit)}"
    if not explanation.additive:
        return f"{sentence}, only to compare words with each other."
    sentence += (
        f" {name_unit(explanation.unit)}" if explanation.unit == "logit" else f" of {_name_measure(explanation.unit)}"
    )
    if explanation.unit.startswith("probability"):
        sentence += f", that is {format_decimals(100 * limit)} percentage points"
    if explanation.unit == "log_odds" and limit < LARGE_LOG_ODDS:
        sentence += f", that is the odds times {format_decimals(math.exp(limit))}"
    foil = explanation.targets[row].foil
    return f"{sentence}." if foil is None else f"{sentence} of the lead over {foil}."


def _render_specials(explanation: Explanation, row: int) -> str:
    """Describe the share of the scores that lies on special tokens, which the text does not show."""
    shares = measure_special_share(explanation, row)
    if not shares:
        return ""
    listed = ", ".join(f"{format_share(share)} on {escape(token)}" for token, share in shares.items())
    return render_note(f"Not shown: {listed}, which the tokenizer adds to every text.")


def name_unit(unit: str) -> str:
    """Name the unit of a score for readers."""
    return (
        f"{_name_measure(unit)}, the first label's minus the second's"
        if unit.endswith("_margin")
        else _name_measure(unit)
    )


def _name_measure(unit: str) -> str:
    bare = unit.removesuffix("_margin")
    return UNITS.get(bare) or name_score(bare)
