"""The answer in one sentence, made from the result alone, for somebody who does not program.

Knows no Streamlit: HTML as text, every foreign string escaped.
"""

import math

from ..data import Explanation
from .segments import Segment, ranked
from .text import escaped, percent, short

STANDS_OUT = 2.0  # times the mean strength: below, no piece is named
WORTH_NAMING = 0.15  # of the strongest: below, the other direction is not mentioned


def sentence(explanation: Explanation, row: int = 0) -> str:
    """What the model says, what pushes hardest towards it and what away, and whether to trust the map."""
    return " ".join(part for part in (_said(explanation, row), _pushes(explanation, row), _doubts(explanation)) if part)


def _said(explanation: Explanation, row: int) -> str:
    best, target = explanation.prediction.targets[0], explanation.targets[row]
    said = f"The model says <strong>{escaped(str(best.label))}</strong>{_share(best.probability)}."
    if target.index != best.index:
        said += f" Asked about <strong>{escaped(str(target.label))}</strong>{_share(target.probability)}:"
    if target.foil is not None:
        said += f" Why {escaped(str(target.label))} rather than {escaped(target.foil)}?"
    return said


def _share(probability: float | None) -> str:
    if probability is None or not 0 <= probability <= 1:
        return ""
    return f" ({percent(probability) if probability < 0.995 else '> 99 %'})"


def _pushes(explanation: Explanation, row: int) -> str:
    pieces = [piece for piece in ranked(explanation, row) if any(sign.isalnum() for sign in piece.text)]
    if not pieces or not _strength(pieces[0]):
        return "No word moves this number."
    mean = math.fsum(map(_strength, pieces)) / len(pieces)
    if len(pieces) > 3 and _strength(pieces[0]) < STANDS_OUT * mean:
        return "No single word stands out: many share the weight."
    if not explanation.signed:
        return f"{_quoted(pieces[0])} matters most."
    towards = next((piece for piece in pieces if (piece.score or 0) > 0), None)
    away = next((piece for piece in pieces if (piece.score or 0) < 0), None)
    floor = WORTH_NAMING * _strength(pieces[0])
    named = [
        f"{_quoted(piece)} {verb}"
        for piece, verb in ((towards, "pushes hardest towards it"), (away, "pushes away"))
        if piece and _strength(piece) >= floor
    ]
    return "; ".join(named) + "."


def _strength(piece: Segment) -> float:
    return abs(piece.score or 0.0)


def _quoted(piece: Segment) -> str:
    return f"<strong>“<bdi>{escaped(short(piece.text))}</bdi>”</strong>"


def _doubts(explanation: Explanation) -> str:
    if explanation.converged is not None and not all(explanation.converged):
        return "<em>This map did not converge: take it as a sketch.</em>"
    return ""
