"""The result of an attack for lay readers: one sentence, and its steps as rows."""

from collections.abc import Sequence

from ...registry import ATTACKS
from ...results.attack import Attack, Edit, Step
from ..html import bold, quote, render_probability
from ..text.escape import escape
from ..text.format import format_probability, name_field

NAMED = 6  # edits that a sentence names


def describe_attack(attack: Attack) -> str:
    """Describe whether the attack reached its goal, what it changed, and the probability then. HTML."""
    if ATTACKS[attack.key].keeps:
        return _describe_reduction(attack)
    return _describe_success(attack) if attack.success else _describe_failure(attack)


def _describe_success(attack: Attack) -> str:
    last, count = attack.trajectory[-1], len(attack.edits)
    words = "1 word" if count == 1 else f"{count} words"
    effect = render_probability(last.probability) if attack.wanted else _describe_fall(attack)
    cause = f"Changing <strong>{words}</strong>{_name_input(attack)}"
    return f"{cause} makes the model predict {_render_label(attack, last.label)}{effect}: {_list_edits(attack.edits)}."


def _describe_failure(attack: Attack) -> str:
    wanted = attack.wanted
    goal = "changes the prediction"
    if wanted:
        goal = f"makes the model predict {_render_label(attack, wanted.label or '')}"
    sentence = f"<strong>No attack was found</strong> that {goal}. {escape(attack.reason)}"
    if not attack.edits:
        return sentence
    first, last = attack.trajectory[0], attack.trajectory[-1]
    label = bold(name_subject(attack), 60)
    shares = f"{format_probability(first.probability)} to {format_probability(last.probability)}"
    return f"{sentence} The closest attempt changes {label} from {shares}: {_list_edits(attack.edits)}."


def _describe_reduction(attack: Attack) -> str:
    first, last = attack.trajectory[0], attack.trajectory[-1]
    if not attack.success:
        return f"<strong>No word can be dropped</strong>{_name_input(attack)}. {escape(attack.reason)}"
    label = _render_label(attack, attack.attacked.label or "")
    reduced, whole = format_probability(last.probability), format_probability(first.probability)
    more = len(attack.minimal) - 1
    others = f" {more} other short {'text is' if more == 1 else 'texts are'} enough too." if more else ""
    return (
        f"<strong>{quote(last.text, 120)}</strong>{_name_input(attack)} is enough: the model still predicts {label} "
        f"({reduced} with these words, {whole} with all).{others} {escape(attack.reason)}"
    )


def _render_label(attack: Attack, label: str) -> str:
    """Render a label in bold, and the text that it is the label of, if any."""
    target = attack.attacked
    place = f" for {quote(target.text)}" if target.text and target.position is not None else ""
    return f"{bold(label, 60)}{place}"


def _name_input(attack: Attack) -> str:
    """Name the input that was changed, if there are several."""
    return f" in the {escape(name_field(attack.field).lower())}" if len(attack.request.texts) > 1 else ""


def _describe_fall(attack: Attack) -> str:
    first, last = attack.trajectory[0].probability, attack.trajectory[-1].probability
    label = bold(attack.attacked.label or "", 60)
    return f" ({label} falls from {format_probability(first)} to {format_probability(last)})"


def _list_edits(edits: Sequence[Edit]) -> str:
    named = ", ".join(f"{quote(e.old)} → {quote(e.new)}" for e in edits[:NAMED])
    return named if len(edits) <= NAMED else f"{named} and {len(edits) - NAMED} more"


def name_subject(attack: Attack) -> str:
    """Return the label whose probability the steps have."""
    return (attack.wanted or attack.attacked).label or ""


def list_changes(step: Step) -> str:
    """List the edits of a step in words."""
    return ", ".join(f"{edit.old} → {edit.new}" if edit.new else f"without {edit.old}" for edit in step.edits)


def list_steps(attack: Attack) -> list[dict[str, str | float | int]]:
    """List one row per step, the original text first."""
    return [
        {
            "step": i,
            "change": list_changes(step) or "original text",
            "says": step.label,
            "probability": step.probability,
            "estimate": sum(edit.score for edit in step.edits),
            "text": step.text,
        }
        for i, step in enumerate(attack.trajectory)
    ]


def list_shortest(attack: Attack) -> list[dict[str, str | float | int]]:
    """List one row for each of the shortest texts that were found."""
    return [
        {"text": step.text.strip(), "dropped": len(step.edits), "says": step.label, "probability": step.probability}
        for step in attack.minimal
    ]
