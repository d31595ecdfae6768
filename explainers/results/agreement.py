"""How alike two explanations are, and how that declines as a model is randomised."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Agreement:
    """How alike two explanations are over the `shared` words or squares that both score.

    `signed` and `strength` are Spearman's rank correlations of the scores and of their absolute values; None for too
    few words, for equal scores, and for signs that a method does not give. `overlap` is the share of the `top`
    strongest words that both have in common.
    """

    shared: int
    signed: float | None
    strength: float | None
    overlap: float | None
    top: int

    @property
    def correlation(self) -> float | None:
        """Return the correlation of the scores, or of their absolute values if a method gives no signs."""
        return self.strength if self.signed is None else self.signed


@dataclass(frozen=True)
class RandomizationStep:
    """The agreement with the original explanation once this layer, and all layers above it, are randomised."""

    layer: str
    agreement: Agreement
