"""The faithfulness of an explanation: perturbation curves and measures, each compared with random rankings."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..request import Request, Target

Numbers = NDArray[np.floating[Any]]
Verdict = Literal["beats chance", "cannot be told from chance", "worse than chance", "too short to tell"]
SIGNIFICANCE = 0.05  # largest p-value at which a result counts as better or worse than chance
BAND = (2.5, 97.5)  # percentiles of the random rankings: 95 % of them lie between


@dataclass(frozen=True)
class Measure:
    """One metric's value for an explanation, and the mean and central 95 % of its values for random rankings.

    `as_good` is the probability that a random ranking does at least as well, `as_bad` that it does no better. A
    `value` of NaN is not defined for this explanation.
    """

    key: str
    label: str
    summary: str
    paper: str
    better: Literal["high", "low"]
    value: float
    random: float
    low: float
    high: float
    as_good: float
    as_bad: float

    @property
    def verdict(self) -> Verdict:
        """Whether the value is better or worse than chance, by the random rankings."""
        if self.as_good <= SIGNIFICANCE:
            return "beats chance"
        return "worse than chance" if self.as_bad <= SIGNIFICANCE else "cannot be told from chance"


@dataclass(frozen=True, eq=False)
class Curves:
    """The fall of the score at K fractions, with the strongest features removed, and with only them kept.

    Both are (K,) for an explanation, and (R, K) for R random rankings.
    """

    comprehensiveness: Numbers
    sufficiency: Numbers

    def __post_init__(self) -> None:
        if self.comprehensiveness.shape != self.sufficiency.shape:
            raise ValueError(
                f"comprehensiveness is {self.comprehensiveness.shape}, sufficiency {self.sufficiency.shape}"
            )


@dataclass(frozen=True, eq=False)
class Faithfulness:
    """The faithfulness of one target's explanation: the model's output without the features that it ranks highest.

    `pieces` counts the words or squares that are ranked, by score, or by absolute score if the explanation is
    unsigned; the `fractions` (K,) of them are removed. `value` is F(x) in `unit`, `blank` is F with all removed.
    `random` holds R random rankings or, for a short text, every order (`every_order`).
    """

    request: Request
    row: int
    target: Target
    unit: str
    signed: bool
    piece: Literal["word", "square"]
    pieces: int
    value: float
    blank: float
    fractions: Numbers
    curves: Curves
    random: Curves
    every_order: bool
    measures: tuple[Measure, ...]
    evaluations: tuple[int, int] = (0, 0)
    seconds: float = 0.0

    def __post_init__(self) -> None:
        if self.curves.comprehensiveness.shape != self.fractions.shape:
            raise ValueError(f"curves are {self.curves.comprehensiveness.shape}, fractions {self.fractions.shape}")
        if self.random.comprehensiveness.shape[1:] != self.fractions.shape:
            raise ValueError(f"random is {self.random.comprehensiveness.shape}, fractions {self.fractions.shape}")

    @property
    def comprehensiveness(self) -> Numbers:
        """F(x) − F(x without the strongest fraction), (K,): higher is better."""
        return self.curves.comprehensiveness

    @property
    def sufficiency(self) -> Numbers:
        """F(x) − F(only the strongest fraction), (K,): lower is better."""
        return self.curves.sufficiency

    @property
    def aopc(self) -> float:
        """Mean comprehensiveness over the fractions, in `unit`."""
        return self.measure("comprehensiveness").value

    @property
    def tau_loo(self) -> float:
        """Kendall's tau between the scores and the falls without each single feature."""
        return self.measure("leave_one_out").value

    @property
    def rankings(self) -> int:
        """Number of random rankings."""
        return len(self.random.comprehensiveness)

    @property
    def verdict(self) -> Verdict:
        """Whether the explanation beats random rankings, by the AOPC."""
        least = 1 / (self.rankings + (not self.every_order))  # the probability of the best possible ranking
        return "too short to tell" if least > SIGNIFICANCE else self.measure("comprehensiveness").verdict

    def measure(self, key: str) -> Measure:
        """Return a measure by the key of its metric."""
        return next(measure for measure in self.measures if measure.key == key)
