"""Attacks with edits of one's choice, for tests of their views."""

from explainers import Prediction, Request, Target
from explainers.results.attack import Attack, Step

EVIL = "<img src=x onerror=alert(1)>"
TEXT = f"good {EVIL} film"


def make_attack(key="hotflip", success=True, wanted=None, edits=(), reason="", minimal=(), last=0.2, says="NEGATIVE"):
    """Make an attack on TEXT whose `edits` lead to the label `says`."""
    trajectory = (Step(TEXT, (), "POSITIVE", 0.9), *[Step("bad film", (edit,), says, last) for edit in edits])
    return Attack(
        request=Request("text_classification", "m", {"text": TEXT}),
        key=key,
        field="text",
        attacked=Target("POSITIVE"),
        wanted=wanted,
        before=Prediction((Target("POSITIVE", 0, probability=0.9),)),
        after=Prediction((Target(says, 1, probability=1 - last),)),
        success=success,
        reason=reason,
        trajectory=trajectory,
        minimal=minimal,
    )
