"""The scores as rows: the twin of every picture for whoever reads numbers, or has them read aloud."""

from collections.abc import Sequence

from ...results.explanation import Explanation
from ...results.faithfulness import Faithfulness
from ..text.format import format_unsigned, name_target
from ..text.segments import collect_spreads, rank_segments
from .doubt import name_convergence


def list_scores(explanation: Explanation, row: int = 0, most: int | None = None) -> list[dict[str, str | float | int]]:
    """One row a piece, strongest first: text, score, its spread if it came by chance, share of all credit, place."""
    pieces, moves = rank_segments(explanation, row), collect_spreads(explanation, row)
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


def list_costs(
    names: Sequence[str],
    explanations: Sequence[Explanation],
    shown: Sequence[int],
    checks: Sequence[Faithfulness | None],
) -> list[dict[str, object]]:
    """One row a map: what is explained, how long it took, how far it can be trusted; None where that is undefined.

    The last columns are there once all maps are checked.
    """
    rows: list[dict[str, object]] = [
        {
            "map": name,
            "says": name_target(explanation.targets[row]),
            "probability": explanation.targets[row].probability,
            "seconds": explanation.seconds,
            "passes": sum(explanation.evaluations),
            "unexplained": None if explanation.relative_error is None else float(explanation.relative_error[row]),
            "converged": name_convergence(explanation, row),
        }
        for name, explanation, row in zip(names, explanations, shown, strict=True)
    ]
    found = [check for check in checks if check]
    if len(found) == len(rows):
        for row, check in zip(rows, found, strict=True):
            row |= {"aopc": check.aopc, "random": _get_random_mean(check), "chance": check.verdict}
    return rows


def name_most_faithful(names: Sequence[str], checks: Sequence[Faithfulness]) -> str:
    """Which map is truest to its model by what it is worth beyond chance, as plain text."""
    beating = [pair for pair in zip(names, checks, strict=True) if pair[1].verdict == "beats chance"]
    if not beating:
        return "None of these maps beats chance."
    name, check = max(beating, key=lambda pair: pair[1].aopc - _get_random_mean(pair[1]))
    falls, chance = (format_unsigned(value) for value in (check.aopc, _get_random_mean(check)))
    others = f"{len(beating)} of {len(names)} maps beat chance." if len(beating) < len(names) else "All beat chance."
    return (
        f"{name} is the truest to the model: without what it calls strongest the number falls by {falls} on average, "
        f"with random rankings by {chance}. {others}"
    )


def _get_random_mean(check: Faithfulness) -> float:
    return check.measure("comprehensiveness").random
