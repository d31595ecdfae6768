"""HotFlip: one gradient estimates the effect of every possible word swap, and the best swaps are evaluated.

Letters in shapes: N words of the text, W words of the vocabulary.
"""

from typing import Annotated

import torch
from torch import Tensor

from ..registry import Range, attack
from ..results.edited_text import AttackedText
from .greedy_search import find_swappable, search_greedily, swap_word
from .target_model import AttackOutcome, TargetModel

COMMON_WORDS = 3_000  # words of one script that count as common, by their order in the model's vocabulary
SWAPS_PER_WORD = 4  # largest number of swaps of one word that are evaluated in a step


@attack("HotFlip", paper="Ebrahimi et al. 2018, arXiv:1712.06751")
def hotflip(
    target_model: TargetModel,
    *,
    flips: Annotated[int, Range(1, 20), "Maximum number of words to change."] = 3,
    tries: Annotated[int, Range(1, 200), "Number of changes evaluated per step, most promising first."] = 24,
    similarity: Annotated[
        float, Range(0, 1), "Minimum cosine similarity between the embeddings of the old and the new word."
    ] = 0.0,
    same_case: Annotated[bool, "Replace words only by words with the same capitalization."] = False,
    common_words: Annotated[bool, "Use only the first 3,000 words of the model's vocabulary."] = False,
) -> AttackOutcome:
    """Replace a few words so that the model gives a different answer.

    The change in log-odds when word w replaces word v is estimated as the gradient at v, summed over its tokens, times
    E[w] - E[v]. Both words are of the same script, and w is a single token of the vocabulary.
    """

    def propose(text: AttackedText) -> list[AttackedText]:
        indexes = find_swappable(target_model, text)
        if not indexes:
            return []
        gradients = target_model.compute_gradients(text)
        allowed = torch.stack(
            [_find_allowed(target_model, text.pieces[i].text, same_case, common_words) for i in indexes]
        )  # (N, W)
        if similarity:
            allowed &= gradients.compute_cosines(target_model.embeddings)[indexes] >= similarity
        gains = target_model.sign * gradients.estimate_swaps(target_model.embeddings)[indexes]  # (N, W)
        return [
            swap_word(target_model, text, indexes[row], word, target_model.sign * gain)
            for row, word, gain in _select_best(gains.masked_fill(~allowed, -torch.inf), tries)
        ]

    return search_greedily(target_model, propose, flips)


def _select_best(gains: Tensor, most: int) -> list[tuple[int, int, float]]:
    """Select the best swaps as (row, word, gain), best first, with at most SWAPS_PER_WORD per row."""
    values, words = gains.topk(min(SWAPS_PER_WORD, gains.shape[1]), dim=1)  # (N, SWAPS_PER_WORD)
    order = values.flatten().argsort(descending=True)[:most].tolist()
    swaps = [(i // words.shape[1], int(words.flatten()[i]), float(values.flatten()[i])) for i in order]
    return [swap for swap in swaps if swap[2] > -torch.inf]


def _find_allowed(target_model: TargetModel, old: str, same_case: bool, common: bool) -> Tensor:
    """Find the words of the vocabulary that may replace `old`, a mask (W,)."""
    vocabulary = target_model.vocabulary
    allowed = vocabulary.instead(old)
    if common:
        allowed &= allowed.cumsum(0) <= COMMON_WORDS
    if same_case and not vocabulary.folds:
        case = _describe_case(old)
        allowed &= torch.tensor([_describe_case(word) == case for word in vocabulary.words], dtype=torch.bool)
    return allowed


def _describe_case(word: str) -> tuple[bool, bool]:
    """Return whether a word begins with a capital, and whether it is all capitals."""
    return word[:1].isupper(), len(word) > 1 and word.isupper()
