"""The effect of one word in the place of another: Substitution."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Substitution:
    """A word, the probabilities of the explained token and of its contrast with it, and the text generated then."""

    word: str
    probability: float
    foil_probability: float | None
    continuation: str

    @property
    def share(self) -> float:
        """The token's share of both probabilities; without a contrast, its probability."""
        if self.foil_probability is None:
            return self.probability
        return self.probability / max(self.probability + self.foil_probability, 1e-12)
