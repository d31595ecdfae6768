"""Greedy word-swap search: each step evaluates the proposed swaps and keeps the best one."""

from collections.abc import Callable

from ..models.vocabulary import match_case
from ..results.edited_text import AttackedText
from .target_model import AttackOutcome, TargetModel


def search_greedily(
    target_model: TargetModel, propose: Callable[[AttackedText], list[AttackedText]], most: int
) -> AttackOutcome:
    """Swap at most `most` words, each time the best of the swaps that `propose` returns for the current text."""
    path = [target_model.start]
    reason = ""
    while not reason:
        if len(path) > most:
            reason = f"No more than {most} {'word' if most == 1 else 'words'} may be changed."
        elif not (candidates := propose(path[-1].attacked_text)):
            reason = "No word is left that may be changed."
        else:
            best = min(target_model.evaluate(candidates), key=target_model.measure_distance)
            if target_model.measure_distance(best) > target_model.measure_distance(path[-1]):
                # equal distances go on: a probability of exactly 1 does not show a change
                reason = f"None of the last {len(candidates)} changes tried brings the model closer to the goal."
            else:
                path.append(best)
                reason = f"The model now predicts {best.judgement.says}." if target_model.reaches_goal(best) else ""
    return AttackOutcome(tuple(path), target_model.reaches_goal(path[-1]), reason)


def find_swappable(target_model: TargetModel, text: AttackedText) -> list[int]:
    """Find the indexes of unprotected words that contain a letter and were not swapped yet."""
    swapped = {edit.position for edit in text.edits}
    words = text.pieces
    return [
        i
        for i in target_model.list_unprotected(text)
        if words[i].position not in swapped and any(char.isalpha() for char in words[i].text)
    ]


def swap_word(target_model: TargetModel, text: AttackedText, index: int, word: int, score: float) -> AttackedText:
    """Replace the word at `index` by word number `word` of the vocabulary; uncased models keep the old word's case."""
    new, old = target_model.vocabulary.words[word], text.pieces[index].text
    return text.swapped(index, match_case(new, old) if target_model.vocabulary.folds else new, score)
