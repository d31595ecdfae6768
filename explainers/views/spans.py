"""The reader's own text, coloured: each word or token as strongly as it pushes.

Knows no Streamlit: HTML as text, every foreign string escaped.
"""

from ..data import Explanation
from .palette import CSS
from .segments import Segment, scored, segments, special_share
from .text import escaped, number, percent, plain

STRONG = 0.4  # of the largest score: from here on a line under the text says the sign without colour
REACHED = 200  # pieces that the Tab key visits, strongest first; all show their number under the pointer


def spans(explanation: Explanation, row: int = 0) -> str:
    """The map of every input with its legend, as HTML."""
    fields = list(explanation.request.texts)
    pieces = {name: segments(explanation, name, row) for name in fields}
    found = [piece for name in fields for piece in pieces[name] if scored(piece)]
    limit = max((abs(piece.score or 0.0) for piece in found), default=0.0)
    reached = {id(p) for p in sorted(found, key=lambda p: -abs(p.score or 0.0))[:REACHED]}
    label = direction(explanation, row)
    blocks = [
        '<div class="wf-map" role="list" dir="auto" aria-label="The text, each piece with its score">'
        + "".join(_span(piece, limit, label, id(piece) in reached) for piece in pieces[name])
        + "</div>"
        for name in fields
    ]
    return f"<style>{CSS}</style>{''.join(blocks)}{_legend(explanation, limit, row)}"


def direction(explanation: Explanation, row: int) -> str:
    """What a positive score pushes towards, in words."""
    target = explanation.targets[row]
    label = target.label or f"class {target.index}"
    return label if target.foil is None else f"{label} rather than {target.foil}"


def _span(piece: Segment, limit: float, label: str, reached: bool) -> str:
    text = escaped(piece.text)
    if not scored(piece) or piece.score is None:
        return text if piece.read else f'<span class="wf-unread" title="not read by the model">{text}</span>'
    strength = abs(piece.score) / limit if limit else 0.0
    kind = "wf-n" if piece.score < 0 else "wf-p"
    strong = " wf-strong" if strength >= STRONG else ""
    way = "away from" if piece.score < 0 else "towards"
    said = f"{plain(piece.text.strip())}: {number(piece.score)} {way} {plain(label)}"
    focus = ' tabindex="0"' if reached else ""
    return (
        f'<bdi class="wf-t {kind}{strong}" role="listitem"{focus} style="--s:{strength:.3f}" '
        f'data-n="{number(piece.score)}" aria-label="{said}">{text}</bdi>'
    )


def _legend(explanation: Explanation, limit: float, row: int) -> str:
    label = escaped(direction(explanation, row))
    keys = [f'<span><span class="wf-key wf-p wf-strong" style="--s:1">towards {label}</span></span>']
    if explanation.signed:
        keys.append('<span><span class="wf-key wf-n wf-strong" style="--s:1">away from it</span></span>')
    else:
        keys = ['<span><span class="wf-key wf-p wf-strong" style="--s:1">matters, in either direction</span></span>']
    keys.append(f"<span>full colour = {number(limit).lstrip('+')} {unit_in_words(explanation.unit)}</span>")
    return f'<div class="wf-legend">{"".join(keys)}</div>{_specials(explanation, row)}'


def _specials(explanation: Explanation, row: int) -> str:
    """How much of the credit the text does not show."""
    shares = special_share(explanation, row)
    if not shares:
        return ""
    said = ", ".join(f"{percent(share)} on {escaped(token)}" for token, share in shares.items())
    return f'<div class="wf-note">Not shown: {said}, which the model adds to every text.</div>'


def unit_in_words(unit: str) -> str:
    """The unit of a score as people read it."""
    plain_unit = unit.removesuffix("_margin").replace("_", "-")
    return f"{plain_unit} more than the other label's" if unit.endswith("_margin") else f"of {plain_unit}"
