"""One word after another: try some swaps by real passes, keep the best, go on from there.

Knows no gradient; which swaps are tried is the attack's to say.
"""

from collections.abc import Callable

from ..models.vocabulary import match_case
from ..results.edited_text import AttackedText
from .target_model import AttackOutcome, TargetModel


def search_greedily(
    opponent: TargetModel, propose: Callable[[AttackedText], list[AttackedText]], most: int
) -> AttackOutcome:
    """At most `most` swaps, each the best of those that `propose` makes of a text; no word is swapped twice."""
    path = [opponent.start]
    reason = ""
    while not reason:
        if len(path) > most:
            reason = f"No more than {most} {'word' if most == 1 else 'words'} may be changed."
        elif not (found := propose(path[-1].wording)):
            reason = "No word is left that may be changed."
        else:
            best = min(opponent.tried(found), key=opponent.distance)
            if opponent.distance(best) > opponent.distance(path[-1]):  # at 1 exactly a probability shows no change
                reason = f"None of the {len(found)} changes tried last moves the model the right way."
            else:
                path.append(best)
                reason = f"The model now says {best.verdict.says}." if opponent.won(best) else ""
    return AttackOutcome(tuple(path), opponent.won(path[-1]), reason)


def find_swappable(opponent: TargetModel, wording: AttackedText) -> list[int]:
    """The pieces of a text that may be swapped: words with a letter that nobody protects, not swapped yet."""
    swapped = {edit.position for edit in wording.edits}
    pieces = wording.words
    return [
        i
        for i in opponent.free(wording)
        if pieces[i].position not in swapped and any(sign.isalpha() for sign in pieces[i].text)
    ]


def swap_word(opponent: TargetModel, wording: AttackedText, index: int, word: int, score: float) -> AttackedText:
    """The text with a word of the vocabulary in a piece's place, in its capitals if the model does not see them."""
    new, old = opponent.vocabulary.words[word], wording.words[index].text
    return wording.replace_word(index, match_case(new, old) if opponent.vocabulary.folds else new, score)
