"""Input reduction: remove words while the answer stays the same, until no single word can be removed."""

from collections.abc import Iterable
from typing import Annotated

from ..registry import Range, attack
from ..results.edited_text import AttackedText
from .target_model import AttackOutcome, AttackState, TargetModel

SHARE = 20  # of long texts, 1 in 20 words is removed at once

Path = tuple[AttackState, ...]


@attack("Input reduction", paper="Feng et al. 2018, arXiv:1804.07781", keeps=True)
def input_reduction(
    target_model: TargetModel,
    *,
    beam: Annotated[int, Range(1, 10), "Beam width: number of shortened texts kept at each step."] = 3,
) -> AttackOutcome:
    """Remove the words that matter least, one after another, as long as the model gives the same answer.

    Beam search that removes words with the smallest gradient norm first. If none of the first few can be removed, all
    others are tried too, so that no single further word can be removed from any text found.
    """
    paths: list[Path] = [(target_model.start,)]
    minimal: dict[frozenset[int], Path] = {}
    while paths:
        longer: dict[frozenset[int], Path] = {}
        for path in paths:
            if shorter := _shorten(target_model, path[-1], beam):
                longer |= {_list_positions(state): (*path, state) for state in shorter}
            else:
                minimal[_list_positions(path[-1])] = path
        paths = sorted(longer.values(), key=lambda path: target_model.measure_distance(path[-1]))[:beam]
    ranked = sorted(
        minimal.values(),
        key=lambda path: (len(path[-1].attacked_text.pieces), target_model.measure_distance(path[-1])),
    )
    best = ranked[0]
    success = len(best) > 1
    return AttackOutcome(
        best,
        success,
        _explain_end(target_model, best[-1], success),
        tuple(path[-1] for path in ranked if success),
    )


def _shorten(target_model: TargetModel, state: AttackState, beam: int) -> list[AttackState]:
    """Return shorter texts with the same answer; an empty list only if no single word can be removed."""
    text = state.attacked_text
    removable = target_model.list_unprotected(text)
    if not removable or len(text.pieces) == 1:
        return []
    lengths = target_model.compute_gradients(text).gradients.norm(dim=1).tolist()  # (N,)
    order = sorted(removable, key=lambda i: float(lengths[i]))
    together = max(1, len(order) // SHARE)
    while together > 1:
        if states := _filter_successes(target_model, _drop_words(text, lengths, order, together, range(beam))):
            return states
        together //= 2
    first, rest = range(min(beam, len(order))), range(beam, len(order))
    return _filter_successes(target_model, _drop_words(text, lengths, order, 1, first)) or _filter_successes(
        target_model, _drop_words(text, lengths, order, 1, rest)
    )


def _drop_words(
    text: AttackedText, lengths: list[float], order: list[int], together: int, starts: Iterable[int]
) -> list[AttackedText]:
    """Return one text per start, each without `together` words that follow each other in `order` from there."""
    return [text.without({i: lengths[i] for i in order[start : start + together]}) for start in starts]


def _filter_successes(target_model: TargetModel, texts: list[AttackedText]) -> list[AttackState]:
    """Return the texts with the same answer."""
    return [state for state in target_model.evaluate(texts) if target_model.reaches_goal(state)]


def _list_positions(state: AttackState) -> frozenset[int]:
    """Return the positions of the words that are left."""
    return frozenset(word.position for word in state.attacked_text.pieces)


def _explain_end(target_model: TargetModel, state: AttackState, success: bool) -> str:
    """Explain why no further word can be removed."""
    if len(state.attacked_text.pieces) == 1:
        return "One word is left." if success else "The text is a single word."
    if not target_model.list_unprotected(state.attacked_text):
        return "Every word that is left is protected."
    words = "words that are left" if success else "words"
    return f"Removing any one of the {words} changes the answer."
