"""Random swaps: the control beside which HotFlip is to be judged. As many passes, and no gradient.

Knows no task and no model.
"""

from typing import Annotated

import torch

from ..registry import Range, attack
from ..results.edited_text import AttackedText
from .greedy_search import find_swappable, search_greedily, swap_word
from .target_model import AttackOutcome, TargetModel


@attack("Random swaps", paper="a control: the best of words drawn blindly")
def random_swap(
    opponent: TargetModel,
    *,
    flips: Annotated[int, Range(1, 20), "The most words that may be changed."] = 3,
    tries: Annotated[int, Range(1, 200), "How many changes are tried on the model in each round."] = 24,
) -> AttackOutcome:
    """Swaps words drawn blindly, and keeps the best: what an attack can do that knows nothing of the model."""
    generator = torch.Generator().manual_seed(opponent.seed)

    def propose(wording: AttackedText) -> list[AttackedText]:
        indexes = find_swappable(opponent, wording)
        if not indexes:
            return []
        drawn = [indexes[int(i)] for i in torch.randint(len(indexes), (tries,), generator=generator)]
        pairs = [(index, _word(opponent, wording.words[index].text, generator)) for index in drawn]
        return [swap_word(opponent, wording, index, word, 0.0) for index, word in pairs if word is not None]

    return search_greedily(opponent, propose, flips)


def _word(opponent: TargetModel, old: str, generator: torch.Generator) -> int | None:
    """Another word of the same script, None if there is none."""
    fits = opponent.vocabulary.find_alternatives(old).nonzero().flatten()
    return int(fits[torch.randint(len(fits), (), generator=generator)]) if len(fits) else None
