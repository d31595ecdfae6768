"""A Swap: what a word does in the place of another, as pages and views share it.

Knows nothing of ours.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Substitution:
    """A word, how probable it makes a token, and the one that this is compared with, and what the model writes."""

    word: str
    own: float
    foil: float | None
    written: str

    @property
    def share(self) -> float:
        """The token's share of the two; of one alone its probability."""
        return self.own if self.foil is None else self.own / max(self.own + self.foil, 1e-12)
