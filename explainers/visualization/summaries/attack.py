"""What an attack came to, for somebody who does not program: one honest sentence, and its steps as rows."""

from collections.abc import Sequence

from ...registry import ATTACKS
from ...results.attack import Attack, Edit, Step
from ..html import bold, quote, render_probability
from ..text.escape import escape
from ..text.format import format_probability, name_field

NAMED = 6  # changes that a sentence names


def describe_attack(attack: Attack) -> str:
    """Whether the attack did what it set out to do, what it changed, and how sure the model is then."""
    if ATTACKS[attack.key].keeps:
        return _describe_reduction(attack)
    return _describe_success(attack) if attack.success else _describe_failure(attack)


def _describe_success(attack: Attack) -> str:
    last, count = attack.trajectory[-1], len(attack.edits)
    words = "1 word" if count == 1 else f"{count} words"
    sure = render_probability(last.probability) if attack.wanted else _describe_fall(attack)
    changing = f"Changing <strong>{words}</strong>{_name_input(attack)} makes the model say"
    return f"{changing} {_render_label(attack, last.label)}{sure}: {_list_edits(attack.edits)}."


def _describe_failure(attack: Attack) -> str:
    goal = (
        f"makes the model say {_render_label(attack, attack.wanted.label or '')}"
        if attack.wanted
        else "changes the answer"
    )
    told = f"<strong>No attack was found</strong> that {goal}. {escape(attack.reason)}"
    if not attack.edits:
        return told
    first, last = attack.trajectory[0], attack.trajectory[-1]
    name = bold(name_subject(attack), 60)
    shares = f"{format_probability(first.probability)} to {format_probability(last.probability)}"
    return f"{told} The closest took {name} from {shares}: {_list_edits(attack.edits)}."


def _describe_reduction(attack: Attack) -> str:
    first, last = attack.trajectory[0], attack.trajectory[-1]
    answer = _render_label(attack, attack.attacked.label or "")
    if not attack.success:
        return f"<strong>No word can be dropped</strong>{_name_input(attack)}. {escape(attack.reason)}"
    shares = (
        f"{format_probability(last.probability)} with these words, {format_probability(first.probability)} with all"
    )
    more = len(attack.minimal) - 1
    others = f" {more} other short {'text does' if more == 1 else 'texts do'} the same." if more else ""
    return (
        f"Nothing but <strong>{quote(last.text, 120)}</strong>{_name_input(attack)} "
        f"is needed: the model still says {answer} ({shares}).{others} {escape(attack.reason)}"
    )


def _render_label(attack: Attack, label: str) -> str:
    """A label in bold, and what it is the label of, if it stands somewhere."""
    target = attack.attacked
    place = f" for {quote(target.text)}" if target.text and target.position is not None else ""
    return f"{bold(label, 60)}{place}"


def _name_input(attack: Attack) -> str:
    """Which of several texts was changed."""
    return f" in the {escape(name_field(attack.field).lower())}" if len(attack.request.texts) > 1 else ""


def _describe_fall(attack: Attack) -> str:
    first, last = attack.trajectory[0].probability, attack.trajectory[-1].probability
    label = bold(attack.attacked.label or "", 60)
    return f" ({label} falls from {format_probability(first)} to {format_probability(last)})"


def _list_edits(edits: Sequence[Edit]) -> str:
    """The first changes in words."""
    named = ", ".join(f"{quote(e.old)} → {quote(e.new)}" for e in edits[:NAMED])
    return named if len(edits) <= NAMED else f"{named} and {len(edits) - NAMED} more"


def name_subject(attack: Attack) -> str:
    """Whose probability the path shows."""
    return (attack.wanted or attack.attacked).label or ""


def list_changes(step: Step) -> str:
    """The edits of a step in words."""
    return ", ".join(f"{edit.old} → {edit.new}" if edit.new else f"without {edit.old}" for edit in step.edits)


def list_steps(attack: Attack) -> list[dict[str, str | float | int]]:
    """One row a step, the text as it was given first."""
    return [
        {
            "step": i,
            "change": list_changes(step) or "the text as it was",
            "says": step.label,
            "probability": step.probability,
            "estimate": sum(edit.score for edit in step.edits),
            "text": step.text,
        }
        for i, step in enumerate(attack.trajectory)
    ]


def list_shortest(attack: Attack) -> list[dict[str, str | float | int]]:
    """One row for each of the shortest texts that were found."""
    return [
        {"text": step.text.strip(), "dropped": len(step.edits), "says": step.label, "probability": step.probability}
        for step in attack.minimal
    ]
