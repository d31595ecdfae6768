"""Random swaps: the baseline for HotFlip, with as many forward passes and no gradient."""

from typing import Annotated

import torch

from ..registry import Range, attack
from ..results.edited_text import AttackedText
from .greedy_search import find_swappable, search_greedily, swap_word
from .target_model import AttackOutcome, TargetModel


@attack("Random swaps", paper="a control experiment: the best of randomly drawn words")
def random_swap(
    target_model: TargetModel,
    *,
    flips: Annotated[int, Range(1, 20), "Maximum number of words to change."] = 3,
    tries: Annotated[int, Range(1, 200), "Number of changes evaluated per step."] = 24,
) -> AttackOutcome:
    """Replace randomly chosen words by random others, and keep the best change: what works without looking inside.

    The same search as HotFlip, with random proposals in place of its gradient.
    """
    generator = torch.Generator().manual_seed(target_model.seed)

    def propose(text: AttackedText) -> list[AttackedText]:
        indexes = find_swappable(target_model, text)
        if not indexes:
            return []
        drawn = [indexes[int(i)] for i in torch.randint(len(indexes), (tries,), generator=generator)]
        pairs = [(index, _draw_word(target_model, text.pieces[index].text, generator)) for index in drawn]
        return [swap_word(target_model, text, index, word, 0.0) for index, word in pairs if word is not None]

    return search_greedily(target_model, propose, flips)


def _draw_word(target_model: TargetModel, old: str, generator: torch.Generator) -> int | None:
    """Draw the number of another word of the same script; None if there is none."""
    allowed = target_model.vocabulary.instead(old).nonzero().flatten()
    return int(allowed[torch.randint(len(allowed), (), generator=generator)]) if len(allowed) else None
