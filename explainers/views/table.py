"""The scores as rows: the twin of every picture for whoever reads numbers, or has them read aloud.

Knows no Streamlit and no pandas.
"""

from collections.abc import Sequence

from ..data import Explanation
from .segments import ranked, spreads
from .text import named


def rows(explanation: Explanation, row: int = 0, most: int | None = None) -> list[dict[str, str | float | int]]:
    """One row a piece, strongest first: text, score, its spread if it came by chance, share of all credit, place."""
    pieces, moves = ranked(explanation, row), spreads(explanation, row)
    total = sum(abs(piece.score or 0.0) for piece in pieces) or 1.0
    return [
        {
            "text": piece.text,
            "score": piece.score or 0.0,
            **({"spread": moves[piece.field, piece.start]} if moves else {}),
            "share": abs(piece.score or 0.0) / total,
            "input": piece.field,
            "start": piece.start,
            "end": piece.end,
        }
        for piece in pieces[:most]
    ]


def costs(names: Sequence[str], explanations: Sequence[Explanation], shown: Sequence[int]) -> list[dict[str, object]]:
    """One row a map: what is explained, how long it took, how far it can be trusted; None where that is undefined."""
    return [
        {
            "map": name,
            "says": named(explanation.targets[row]),
            "probability": explanation.targets[row].probability,
            "seconds": explanation.seconds,
            "passes": sum(explanation.evaluations),
            "unexplained": None if explanation.relative_error is None else float(explanation.relative_error[row]),
            "converged": {None: "not asked for", True: "yes", False: "no"}[
                None if explanation.converged is None else explanation.converged[row]
            ],
        }
        for name, explanation, row in zip(names, explanations, shown, strict=True)
    ]
