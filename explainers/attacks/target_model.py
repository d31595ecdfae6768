"""TargetModel: the model under attack, with a text, its gradients by word and its answers to other texts.

Letters in shapes: N words of a text, D embedding width, W whole words of the vocabulary.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import normalize

from ..inputs.text import WORD
from ..models.vocabulary import Vocabulary
from ..results.edited_text import AttackedText
from ..tasks.answer_check import Judgement


@dataclass(frozen=True)
class AttackState:
    """A text with the model's answer to it."""

    attacked_text: AttackedText
    judgement: Judgement


@dataclass(frozen=True)
class AttackOutcome:
    """The result of an attack: its path from the original text on, whether it succeeded, and the reason it ended.

    `minimal` are the shortest texts found, for attacks that search for them.
    """

    path: tuple[AttackState, ...]
    success: bool
    reason: str
    minimal: tuple[AttackState, ...] = ()


@dataclass(frozen=True, eq=False)
class WordGradients:
    """Gradients of the log-odds with respect to each word's embedding, (N, D), summed over the word's tokens.

    `products` (N,) are gradient times embedding, summed over the tokens; `embeddings` (N, D) are the tokens' means.
    """

    gradients: Tensor
    products: Tensor
    embeddings: Tensor

    def estimate_swaps(self, embeddings: Tensor) -> Tensor:
        """Estimate to first order how the log-odds change with each of W new words (W, D) at each position, (N, W)."""
        return self.gradients @ embeddings.T - self.products[:, None]

    def compute_cosines(self, embeddings: Tensor) -> Tensor:
        """Compute the cosine similarity of each word with each of W others (W, D), (N, W)."""
        return normalize(self.embeddings, dim=1) @ normalize(embeddings, dim=1).T


@dataclass(frozen=True, eq=False)
class TargetModel:
    """The model under attack. With `towards`, an attack seeks the target as the answer, otherwise any other answer.

    `evaluate` returns the model's answers to several texts, by plain forward passes; `compute_gradients` costs one
    forward and one backward pass. `embeddings` (W, D) are those of the vocabulary's words; `protected` are the
    positions of words that must not change.
    """

    start: AttackState
    towards: bool
    evaluate: Callable[[Sequence[AttackedText]], list[AttackState]]
    compute_gradients: Callable[[AttackedText], WordGradients]
    vocabulary: Vocabulary
    embeddings: Tensor
    protected: frozenset[int]
    seed: int = 0

    @property
    def sign(self) -> int:
        """The direction in which the target's log-odds should change: 1 up, -1 down."""
        return 1 if self.towards else -1

    def reaches_goal(self, state: AttackState) -> bool:
        """Return whether the model answers as the attack wants."""
        return state.judgement.met == self.towards

    def measure_distance(self, state: AttackState) -> tuple[bool, float]:
        """Return a sort key for how far an answer is from the goal; smaller is closer."""
        return not self.reaches_goal(state), -self.sign * state.judgement.probability

    def list_unprotected(self, text: AttackedText) -> list[int]:
        """List the indexes of the words that may be changed."""
        return [i for i, word in enumerate(text.pieces) if word.position not in self.protected]


def find_protected(start: AttackedText, names: str, fixed: Sequence[tuple[int, int]]) -> frozenset[int]:
    """Find the positions of words that are in `names`, in any case, or overlap a `fixed` span (start, end)."""
    named = {match.group().casefold() for match in WORD.finditer(names)}
    return frozenset(
        word.position
        for word in start.pieces
        if word.text.casefold() in named or any(word.start < end and first < word.end for first, end in fixed)
    )
