"""The model as an attack meets it: a text in words, what moves its answer, and what it really says of other texts.

Knows no task and no attack. Letters: N words of a text, D width, W whole words of the vocabulary.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import normalize

from ..inputs.text import WORD
from ..models.vocabulary import Vocabulary
from ..results.edited_text import AttackedText
from ..tasks._answer_check import Judgement


@dataclass(frozen=True)
class AttackState:
    """A text and what the model says of it."""

    wording: AttackedText
    verdict: Judgement


@dataclass(frozen=True)
class AttackOutcome:
    """What an attack came to: its path, the original text first, and whether and why it succeeded.

    `minimal` are the shortest texts that it found, if it looks for some.
    """

    path: tuple[AttackState, ...]
    success: bool
    reason: str
    minimal: tuple[AttackState, ...] = ()


@dataclass(frozen=True, eq=False)
class WordGradients:
    """How the log-odds of what is asked about grow with each word's vector: `gradients` (N, D), its pieces' summed.

    `own` (N,) is gradient times vector, summed over the pieces; `vectors` (N, D) are the words' own, the pieces' mean.
    """

    gradients: Tensor
    own: Tensor
    vectors: Tensor

    def swaps(self, rows: Tensor) -> Tensor:
        """First-order estimates (N, W) of what each of the words with vectors (W, D) would change in each place."""
        return self.gradients @ rows.T - self.own[:, None]

    def cosines(self, rows: Tensor) -> Tensor:
        """How alike the vectors of the words here and of W others (W, D) are, (N, W)."""
        return normalize(self.vectors, dim=1) @ normalize(rows, dim=1).T


@dataclass(frozen=True, eq=False)
class TargetModel:
    """A model with a text. An attack is to make its answer be the one asked about, if `towards`, or another one.

    `tried` says what the model answers to texts, by plain forward passes, many at once; `slopes` costs one gradient.
    `rows` (W, D) are the vectors of the vocabulary; `protected` are positions of words that must stay.
    """

    start: AttackState
    towards: bool
    tried: Callable[[Sequence[AttackedText]], list[AttackState]]
    slopes: Callable[[AttackedText], WordGradients]
    vocabulary: Vocabulary
    rows: Tensor
    protected: frozenset[int]
    seed: int = 0

    @property
    def sign(self) -> int:
        """The way in which the log-odds of what is asked about should go."""
        return 1 if self.towards else -1

    def won(self, state: AttackState) -> bool:
        """Whether the model answers as the attack wants it to."""
        return state.verdict.met == self.towards

    def distance(self, state: AttackState) -> tuple[bool, float]:
        """How far an answer is from what the attack wants: less is nearer."""
        return not self.won(state), -self.sign * state.verdict.probability

    def free(self, wording: AttackedText) -> list[int]:
        """The pieces of a text that may be changed."""
        return [i for i, piece in enumerate(wording.words) if piece.position not in self.protected]


def find_protected(start: AttackedText, names: str, fixed: Sequence[tuple[int, int]]) -> frozenset[int]:
    """The positions of words that are named, in any case, or that a fixed stretch of the text touches."""
    named = {match.group().casefold() for match in WORD.finditer(names)}
    return frozenset(
        piece.position
        for piece in start.words
        if piece.text.casefold() in named or any(piece.start < end and first < piece.end for first, end in fixed)
    )
