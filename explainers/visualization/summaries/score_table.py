"""Scores and costs of explanations as rows of a table, the accessible form of every chart."""

from collections.abc import Sequence

from ...results.explanation import Explanation
from ...results.faithfulness import Faithfulness
from ..text.format import format_unsigned, name_target
from ..text.segments import collect_spreads, rank_segments
from .doubt import CHANCE, name_convergence


def list_scores(explanation: Explanation, row: int = 0, most: int | None = None) -> list[dict[str, str | float | int]]:
    """List one row per word, strongest first: text, score, standard error if sampled, share of all scores, place."""
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
    """List one row per explanation: what is explained, its costs and errors; None where one is not defined.

    The last columns are there only if every explanation has a faithfulness in `checks`.
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
    done = [check for check in checks if check]
    if len(done) == len(rows):
        for row, check in zip(rows, done, strict=True):
            verdict = CHANCE.get(check.verdict, check.verdict)
            row |= {"aopc": check.aopc, "random": _get_random_mean(check), "chance": verdict}
    return rows


def name_most_faithful(names: Sequence[str], checks: Sequence[Faithfulness]) -> str:
    """Name the explanation with the largest comprehensiveness above random rankings, as plain text."""
    beating = [pair for pair in zip(names, checks, strict=True) if pair[1].verdict == "beats chance"]
    if not beating:
        return "None of these explanations beats chance."
    name, check = max(beating, key=lambda pair: pair[1].aopc - _get_random_mean(pair[1]))
    falls, chance = (format_unsigned(value) for value in (check.aopc, _get_random_mean(check)))
    others = (
        f"{len(beating)} of {len(names)} explanations beat chance." if len(beating) < len(names) else "All beat chance."
    )
    return (
        f"{name} is the most faithful: removing what it ranks highest lowers the explained number by {falls} on "
        f"average; random rankings lower it by {chance}. {others}"
    )


def _get_random_mean(check: Faithfulness) -> float:
    return check.measure("comprehensiveness").random
