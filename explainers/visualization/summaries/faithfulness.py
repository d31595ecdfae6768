"""The result of a faithfulness test: one sentence for lay readers, and a table of its measures."""

import math

from ...results.faithfulness import Faithfulness, Measure
from ..html import bold, render_note, render_table
from ..text.escape import escape
from ..text.format import format_unsigned, name_score, name_target
from .doubt import CHANCE

NEGLIGIBLE_CHANGE = 0.005  # not visible with two decimals
UNITS = {"log_odds": "log-odds", "score": "model's score"}
HEAD = ("Measure", "This explanation", "Random rankings", "Result")


def describe_faithfulness(faithfulness: Faithfulness) -> str:
    """Describe whether an explanation beats random rankings, and by how much. HTML."""
    if faithfulness.verdict == "too short to tell":
        return _describe_too_short(faithfulness)
    measure, features = faithfulness.measure("comprehensiveness"), f"{faithfulness.piece}s"
    own = _describe_change(measure.value, _name_score(faithfulness), "s")
    random = _describe_change(measure.random, "it")
    return (
        f"Removing the {features} that this explanation ranks highest {own} on average; random {features} {random}. "
        f"<strong>The explanation {CHANCE[faithfulness.verdict]}</strong>: it does better than "
        f"{_count_beaten(faithfulness, measure)}."
    )


def _describe_too_short(faithfulness: Faithfulness) -> str:
    features = f"{faithfulness.pieces} {faithfulness.piece}{'s' * (faithfulness.pieces > 1)}"
    count = faithfulness.rankings
    orders = "one order" if count == 1 else f"{count} orders"
    return (
        f"<strong>Too short to tell.</strong> {features} can be removed in only {orders}, so the best order "
        "is too easily found by chance."
    )


def _describe_change(fall: float, name: str, ending: str = "") -> str:
    """Describe how removing features changes the number `name`."""
    if abs(fall) < NEGLIGIBLE_CHANGE:
        return f"hardly change{ending} {name}"
    return f"{'lower' if fall > 0 else 'raise'}{ending} {name} by {format_unsigned(abs(fall))}"


def _name_score(faithfulness: Faithfulness) -> str:
    """Name the explained number."""
    target = faithfulness.target
    if target.foil is not None:
        return f"the lead of {bold(name_target(target), 60)} over {bold(target.foil, 60)}"
    unit = UNITS.get(faithfulness.unit) or name_score(faithfulness.unit)
    return f"the {escape(unit)} of {bold(name_target(target), 60)}"


def _count_beaten(faithfulness: Faithfulness, measure: Measure) -> str:
    """Say how many of the random rankings the explanation beats."""
    every, count = faithfulness.every_order, faithfulness.rankings
    beaten = round((1 - measure.as_good) * (count if every else count + 1))
    if every:
        return f"{beaten} of the {count - 1} other orders of these {faithfulness.pieces} {faithfulness.piece}s"
    return f"{beaten} of {count} random rankings"


def render_measures(faithfulness: Faithfulness) -> str:
    """Render a table with one row per measure: meaning, value, values of random rankings, and result. HTML."""
    rows = map(_render_measure, faithfulness.measures)
    return render_table(rows, HEAD, "wf-how wf-measures", named=True)


def _render_measure(measure: Measure) -> tuple[str, ...]:
    better = "Higher is better." if measure.better == "high" else "Lower is better."
    band = f"{_format_value(measure.low)} to {_format_value(measure.high)}"
    return (
        escape(measure.label) + render_note(f"{escape(measure.summary)} {better}"),
        _format_value(measure.value),
        "-" if math.isnan(measure.random) else f"{_format_value(measure.random)} <small>({band})</small>",
        "not defined" if math.isnan(measure.value) else CHANCE[measure.verdict],
    )


def _format_value(value: float) -> str:
    return "-" if math.isnan(value) else f"<span>{format_unsigned(value)}</span>"
