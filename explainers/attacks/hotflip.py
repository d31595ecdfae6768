"""HotFlip: one gradient says for every word of the vocabulary at once what it would change; the best are tried.

Knows no task and no model: an Opponent has the words, the gradient and the answers.
"""

from typing import Annotated

import torch
from torch import Tensor

from ..registry import Range, attack
from ..results.edited_text import AttackedText
from .greedy_search import find_swappable, search_greedily, swap_word
from .target_model import AttackOutcome, TargetModel

COMMON = 3_000  # words of one script that count as common, by the order of the model's vocabulary
EACH = 4  # the most swaps of one word that are tried in a round


@attack("HotFlip", paper="Ebrahimi et al. 2018, arXiv:1712.06751")
def hotflip(
    opponent: TargetModel,
    *,
    flips: Annotated[int, Range(1, 20), "The most words that may be changed."] = 3,
    tries: Annotated[int, Range(1, 200), "How many changes are tried on the model in each round, the best first."] = 24,
    similarity: Annotated[
        float, Range(0, 1), "The least cosine similarity of the model's vectors for the old word and the new one."
    ] = 0.0,
    same_case: Annotated[bool, "Change words only for words with the same capitals."] = False,
    common_words: Annotated[bool, "Use only the 3,000 words that come first in the model's vocabulary."] = False,
) -> AttackOutcome:
    """Swaps a few words for others that make the model answer something else.

    The change in log-odds when word w takes the place of word v is estimated as the gradient at v, summed over its
    pieces, times E[w] - E[v]. Swaps are between words of one script, each a single token in the vocabulary.
    """

    def propose(wording: AttackedText) -> list[AttackedText]:
        indexes = find_swappable(opponent, wording)
        if not indexes:
            return []
        slopes = opponent.slopes(wording)
        allowed = torch.stack(
            [_allowed(opponent, wording.words[i].text, same_case, common_words) for i in indexes]
        )  # (N, W)
        if similarity:
            allowed &= slopes.cosines(opponent.rows)[indexes] >= similarity
        gains = opponent.sign * slopes.swaps(opponent.rows)[indexes]  # (N, W)
        return [
            swap_word(opponent, wording, indexes[row], word, opponent.sign * gain)
            for row, word, gain in _best(gains.masked_fill(~allowed, -torch.inf), tries)
        ]

    return search_greedily(opponent, propose, flips)


def _best(gains: Tensor, most: int) -> list[tuple[int, int, float]]:
    """Rows, words and gains of the best swaps, few of each row, best first."""
    values, words = gains.topk(min(EACH, gains.shape[1]), dim=1)  # (N, EACH)
    order = values.flatten().argsort(descending=True)[:most].tolist()
    found = [(place // words.shape[1], int(words.flatten()[place]), float(values.flatten()[place])) for place in order]
    return [swap for swap in found if swap[2] > -torch.inf]


def _allowed(opponent: TargetModel, old: str, same_case: bool, common: bool) -> Tensor:
    """Which words of the vocabulary may stand in a word's place, (W,)."""
    known = opponent.vocabulary
    fits = known.find_alternatives(old)
    if common:
        fits &= fits.cumsum(0) <= COMMON
    if same_case and not known.folds:
        fits &= torch.tensor([_shape(word) == _shape(old) for word in known.words], dtype=torch.bool)
    return fits


def _shape(word: str) -> tuple[bool, bool]:
    """Whether a word begins with a capital, and whether it is all capitals."""
    return word[:1].isupper(), len(word) > 1 and word.isupper()
