"""The scores as rows: the twin of every picture for whoever reads numbers, or has them read aloud.

Knows no Streamlit and no pandas.
"""

from ..data import Explanation
from .segments import ranked


def rows(explanation: Explanation, row: int = 0, most: int | None = None) -> list[dict[str, str | float | int]]:
    """One row a piece, strongest first: text, score, share of all credit, place in the text."""
    pieces = ranked(explanation, row)
    total = sum(abs(piece.score or 0.0) for piece in pieces) or 1.0
    return [
        {
            "text": piece.text,
            "score": piece.score or 0.0,
            "share": abs(piece.score or 0.0) / total,
            "input": piece.field,
            "start": piece.start,
            "end": piece.end,
        }
        for piece in pieces[:most]
    ]
