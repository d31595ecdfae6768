"""The similarity of two explanations, and its decline as a model is randomised."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Agreement:
    """The similarity of two explanations over the `shared` words or regions that both score.

    `signed` and `strength` are Spearman's rank correlations of the scores and of their absolute values: None for too
    few words, for constant scores, and, if signed, for methods without signs. `overlap` is the share of the `top`
    strongest words that both have in common.
    """

    shared: int
    signed: float | None
    strength: float | None
    overlap: float | None
    top: int

    @property
    def correlation(self) -> float | None:
        """The correlation of the scores, or of their absolute values if a method has no signs."""
        return self.strength if self.signed is None else self.signed


@dataclass(frozen=True)
class RandomizationStep:
    """The agreement with the original explanation after this layer and all layers above it are randomised."""

    layer: str
    agreement: Agreement
