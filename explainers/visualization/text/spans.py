"""The reader's own text, coloured: each word or token as strongly as it pushes."""

import math
from collections.abc import Sequence

from ...results.explanation import Explanation
from ..html import add_style, render_legend, render_note
from ..summaries.mask_predictions import list_words
from .escape import escape, escape_plain
from .format import format_decimals, format_number, format_share, format_unsigned, name_field, name_label, shorten
from .segments import Segment, collect_spreads, has_score, measure_special_share, rank_segments, split_segments

STRONG = 0.4  # of the largest score: from here on a line under the text says the sign without colour
MAX_FOCUSABLE = 200  # pieces that the Tab key visits, strongest first; all show their number under the pointer
UNITS = {"logit": "logits", "log_odds": "log-odds", "score": "the model's own score"}
LARGE_LOG_ODDS = 12  # log-odds: from here on the odds are too large to mean something


def render_spans(explanation: Explanation, row: int = 0, limit: float | None = None) -> str:
    """The map of every input with its legend, as HTML; `limit` has full colour, else the strongest piece."""
    fields = list(explanation.source_texts)
    pieces = {name: split_segments(explanation, name, row) for name in fields}
    found = [piece for name in fields for piece in pieces[name] if has_score(piece)]
    limit = find_strongest_score(explanation, row) if limit is None else limit
    moves = collect_spreads(explanation, row)
    reached = {id(p) for p in sorted(found, key=lambda p: -abs(p.score or 0.0))[:MAX_FOCUSABLE]}
    blocks = [
        _open_block(name, fields)
        + "".join(
            _render_span(piece, limit, describe_score(explanation, row, piece.score), id(piece) in reached, moves)
            for piece in pieces[name]
        )
        + "</div>"
        for name in fields
    ]
    return add_style("".join(blocks) + _render_legend(explanation, limit, row))


def find_strongest_score(explanation: Explanation, row: int = 0) -> float:
    """The size of the strongest piece's score."""
    return max((abs(piece.score or 0.0) for piece in rank_segments(explanation, row)), default=0.0)


def find_common_limit(explanations: Sequence[Explanation], rows: Sequence[int]) -> float | None:
    """The limit of maps that share a scale; None where their scores do not measure the same.

    They do in one unit, if they are shares of a change, or if one method made them of one model.
    """
    makers = {(explanation.request.method, explanation.request.model) for explanation in explanations}
    if len({explanation.unit for explanation in explanations}) > 1:
        return None
    if len(makers) > 1 and not all(explanation.additive for explanation in explanations):
        return None
    return max(find_strongest_score(explanation, row) for explanation, row in zip(explanations, rows, strict=True))


def _open_block(field: str, fields: list[str]) -> str:
    """The start of an input's block, which is named where there are several."""
    name = escape_plain(name_field(field))
    caption = f'<div class="wf-field" aria-hidden="true">{escape(name_field(field))}</div>' if len(fields) > 1 else ""
    return f'{caption}<div class="wf-map" role="list" dir="auto" aria-label="{name}, each piece with its score">'


def name_direction(explanation: Explanation, row: int) -> str:
    """What a positive score pushes towards, in words."""
    said, foil = _name_label(explanation, row), explanation.targets[row].foil
    return said if foil is None else f"{said} rather than {foil}"


def name_directions(explanation: Explanation, row: int) -> dict[int, str]:
    """Where a positive and a negative score push, in words, by their sign; only 1 where scores have no sign."""
    if not explanation.signed:
        return {1: "in either direction"}
    said, foil = _name_label(explanation, row), explanation.targets[row].foil
    away = f"away from {said}" if foil is None else f"towards {foil} rather than {said}"
    return {1: f"towards {name_direction(explanation, row)}", -1: away}


def _name_label(explanation: Explanation, row: int) -> str:
    target = explanation.targets[row]
    if not target.text or target.text == name_label(target) or list_words(explanation, row):
        return name_label(target)
    return f"“{shorten(target.text)}” as {name_label(target)}"


def describe_score(explanation: Explanation, row: int, score: float | None) -> str:
    """A score and where it pushes, in words."""
    if not score:
        return "0, no push"
    if not explanation.signed:
        return f"{format_unsigned(score)}, {name_directions(explanation, row)[1]}"
    return f"{format_number(score)} {name_directions(explanation, row)[-1 if score < 0 else 1]}"


def _render_span(piece: Segment, limit: float, said: str, reached: bool, moves: dict[tuple[str, int], float]) -> str:
    text = escape(piece.text)
    if not has_score(piece) or piece.score is None:
        return text if piece.read else f'<span class="wf-unread" title="not read by the model">{text}</span>'
    strength = abs(piece.score) / limit if limit else 0.0
    kind = "wf-n" if piece.score < 0 else "wf-p"
    strong = " wf-strong" if strength >= STRONG else ""
    moved = f" ± {format_unsigned(move)}" if (move := moves.get((piece.field, piece.start))) is not None else ""
    focus = ' tabindex="0"' if reached else ""
    told = escape_plain(f"{piece.text.strip()}: {said}{moved}")
    # A span, no bdi: isolated words of Arabic or Hebrew would stand in the order of a text that runs left to right.
    return (
        f'<span class="wf-t {kind}{strong}" role="listitem"{focus} style="--s:{strength:.3f}" '
        f'data-n="{format_number(piece.score)}{moved}" aria-label="{told}">{text}</span>'
    )


def _render_legend(explanation: Explanation, limit: float, row: int) -> str:
    return render_legend(
        name_directions(explanation, row) if limit else {}, describe_scale(explanation, limit, row)
    ) + _render_specials(explanation, row)


def describe_scale(explanation: Explanation, limit: float, row: int = 0) -> str:
    """What the strongest colour stands for, in words."""
    if not limit:
        return "Every score is 0: nothing is coloured."
    said = f"Full colour: {format_unsigned(limit)}"
    if not explanation.additive:
        return f"{said}, to compare the pieces with each other."
    said += (
        f" {name_unit(explanation.unit)}" if explanation.unit == "logit" else f" of {_name_measure(explanation.unit)}"
    )
    if explanation.unit.startswith("probability"):
        said += f", that is {format_decimals(100 * limit)} percentage points"
    if explanation.unit == "log_odds" and limit < LARGE_LOG_ODDS:
        said += f", that is the odds times {format_decimals(math.exp(limit))}"
    foil = explanation.targets[row].foil
    return f"{said}." if foil is None else f"{said} of the lead over {foil}."


def _render_specials(explanation: Explanation, row: int) -> str:
    """How much of the credit the text does not show."""
    shares = measure_special_share(explanation, row)
    if not shares:
        return ""
    said = ", ".join(f"{format_share(share)} on {escape(token)}" for token, share in shares.items())
    return render_note(f"Not shown: {said}, which the model adds to every text.")


def name_unit(unit: str) -> str:
    """The unit of a score as people read it."""
    return (
        f"{_name_measure(unit)}, the first label's minus the second's"
        if unit.endswith("_margin")
        else _name_measure(unit)
    )


def _name_measure(unit: str) -> str:
    bare = unit.removesuffix("_margin")
    return UNITS.get(bare, bare.replace("_", "-"))
