"""Input reduction: drop words while the answer stays, until no single one can go.

Knows no task and no model: an Opponent has the words, the gradient and the answers.
"""

from collections.abc import Iterable
from typing import Annotated

from ..registry import Range, attack
from ..results.edited_text import AttackedText
from .target_model import AttackOutcome, AttackState, TargetModel

SHARE = 20  # while a text is long, one of so many of its words goes at once


@attack("Input reduction", paper="Feng et al. 2018, arXiv:1804.07781", keeps=True)
def input_reduction(
    opponent: TargetModel,
    *,
    beam: Annotated[int, Range(1, 10), "How many shortened texts are followed at once."] = 3,
) -> AttackOutcome:
    """Drops the words that matter least, one after another, while the model says the same.

    Words go by the length of their gradient, the shortest first. Where none of the first few can go all others are
    tried too, so that of every text found no single word more can be dropped.
    """
    alive: list[tuple[AttackState, ...]] = [(opponent.start,)]
    minimal: dict[frozenset[int], tuple[AttackState, ...]] = {}
    while alive:
        longer: dict[frozenset[int], tuple[AttackState, ...]] = {}
        for path in alive:
            if shorter := _shorter(opponent, path[-1], beam):
                longer |= {_kept(state): (*path, state) for state in shorter}
            else:
                minimal[_kept(path[-1])] = path
        alive = sorted(longer.values(), key=lambda path: opponent.distance(path[-1]))[:beam]
    found = sorted(minimal.values(), key=lambda path: (len(path[-1].wording.words), opponent.distance(path[-1])))
    best = found[0]
    success = len(best) > 1
    return AttackOutcome(
        best, success, _reason(opponent, best[-1], success), tuple(path[-1] for path in found if success)
    )


def _shorter(opponent: TargetModel, state: AttackState, beam: int) -> list[AttackState]:
    """Texts with fewer words of which the model says the same; none only if no single word can go."""
    wording = state.wording
    free = opponent.free(wording)
    if not free or len(wording.words) == 1:
        return []
    lengths = opponent.slopes(wording).gradients.norm(dim=1).tolist()  # (N,)
    order = sorted(free, key=lambda i: float(lengths[i]))
    together = max(1, len(order) // SHARE)
    while together > 1:
        if found := _kept_by(opponent, _without(wording, lengths, order, together, range(beam))):
            return found
        together //= 2
    first, rest = range(min(beam, len(order))), range(beam, len(order))
    return _kept_by(opponent, _without(wording, lengths, order, 1, first)) or _kept_by(
        opponent, _without(wording, lengths, order, 1, rest)
    )


def _without(
    wording: AttackedText, lengths: list[float], order: list[int], together: int, first: Iterable[int]
) -> list[AttackedText]:
    """The text without `together` words that follow each other in the order in which they should go."""
    return [wording.drop_words({i: lengths[i] for i in order[at : at + together]}) for at in first]


def _kept_by(opponent: TargetModel, wordings: list[AttackedText]) -> list[AttackState]:
    """The texts of which the model still says the same."""
    return [state for state in opponent.tried(wordings) if opponent.won(state)]


def _kept(state: AttackState) -> frozenset[int]:
    return frozenset(piece.position for piece in state.wording.words)


def _reason(opponent: TargetModel, state: AttackState, success: bool) -> str:
    if len(state.wording.words) == 1:
        return "One word is left." if success else "The text is a single word."
    if not opponent.free(state.wording):
        return "Every word that is left is protected."
    left = "the words that are left" if success else "its words"
    return f"Without any one of {left}, the model says something else."
