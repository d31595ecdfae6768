"""What a check of a map found, for somebody who does not program: one sentence, and the numbers with their meaning."""

import math

from ...results.faithfulness import Faithfulness, Measure
from ..html import bold, render_note, render_table
from ..text.escape import escape, name_target, unsigned
from .doubt import CHANCE

LITTLE = 0.005  # a change that two decimals do not show
UNITS = {"log_odds": "log-odds", "score": "model's score"}
HEAD = ("Measure", "This map", "Random rankings", "Verdict")


def describe_faithfulness(faithfulness: Faithfulness) -> str:
    """Whether the map beats chance, and by how much, in plain words."""
    if faithfulness.verdict == "too short to tell":
        return _too_short(faithfulness)
    measure, pieces = faithfulness.measure("comprehensiveness"), f"{faithfulness.piece}s"
    moves = _moves(measure.value, _what(faithfulness), "s")
    return (
        f"Taking away the {pieces} that this map calls most important {moves} on average; random {pieces} "
        f"{_moves(measure.random, 'it')}. <strong>The map {CHANCE[faithfulness.verdict]}</strong>: it does better than "
        f"{_beaten(faithfulness, measure)}."
    )


def _too_short(faithfulness: Faithfulness) -> str:
    words = f"{faithfulness.pieces} {faithfulness.piece}{'s' * (faithfulness.pieces > 1)}"
    count = faithfulness.rankings
    orders = "one order" if count == 1 else f"{count} orders"
    return (
        f"<strong>Too short to tell.</strong> {words} can be taken away in {orders} only, so that the best one is "
        "too easily found by luck."
    )


def _moves(fall: float, what: str, ending: str = "") -> str:
    """What taking pieces away does to the number."""
    if abs(fall) < LITTLE:
        return f"hardly change{ending} {what}"
    return f"{'lower' if fall > 0 else 'raise'}{ending} {what} by {unsigned(abs(fall))}"


def _what(faithfulness: Faithfulness) -> str:
    """The number that is explained, in words."""
    target = faithfulness.target
    if target.foil is not None:
        return f"the lead of {bold(name_target(target), 60)} over {bold(target.foil, 60)}"
    unit = UNITS.get(faithfulness.unit, faithfulness.unit.replace("_", " "))
    return f"the {escape(unit)} of {bold(name_target(target), 60)}"


def _beaten(faithfulness: Faithfulness, measure: Measure) -> str:
    """How many rankings the map beats, in words."""
    every, count = faithfulness.every_order, faithfulness.rankings
    beaten = round((1 - measure.as_good) * (count if every else count + 1))
    if every:
        return f"{beaten} of the {count - 1} other orders of these {faithfulness.pieces} {faithfulness.piece}s"
    return f"{beaten} of {count} random rankings"


def render_measures(faithfulness: Faithfulness) -> str:
    """Every metric as a row of an HTML table: what it means, of this map and of random rankings, and the verdict."""
    return render_table((_row(measure) for measure in faithfulness.measures), HEAD, "wf-how wf-measures", named=True)


def _row(measure: Measure) -> tuple[str, ...]:
    better = "The higher, the better." if measure.better == "high" else "The lower, the better."
    band = f"{_number(measure.random)} <small>({_number(measure.low)} to {_number(measure.high)})</small>"
    return (
        escape(measure.label) + render_note(f"{escape(measure.summary)} {better}"),
        _number(measure.value),
        "-" if math.isnan(measure.random) else band,
        "not defined" if math.isnan(measure.value) else measure.verdict,
    )


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"<span>{unsigned(value)}</span>"
