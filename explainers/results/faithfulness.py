"""Whether a map says what moves the model: curves, measures and a verdict, each beside random rankings."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..request import Request, Target

Numbers = NDArray[np.floating[Any]]
Verdict = Literal["beats chance", "cannot be told from chance", "worse than chance", "too short to tell"]
SIGNIFICANCE = 0.05  # a verdict that random rankings reach more often than this is none
BAND = (2.5, 97.5)  # percentiles of the random rankings: 95 % of them lie between


@dataclass(frozen=True)
class Measure:
    """What one metric says of a map, and of random rankings: their mean, and where 95 % of them lie.

    `as_good` is the probability that a random ranking does at least as well, `as_bad` that it does no better. NaN in
    `value` = not defined for this map.
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
        """What the random rankings say of the value."""
        if self.as_good <= SIGNIFICANCE:
            return "beats chance"
        return "worse than chance" if self.as_bad <= SIGNIFICANCE else "cannot be told from chance"


@dataclass(frozen=True, eq=False)
class Curves:
    """How far the number falls: with the strongest pieces taken away, and with only them kept; (…, K) each.

    The last axis is that of the fractions; of R random rankings each is (R, K).
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
    """One target's map, checked by what the model says without the pieces that the map calls most important.

    `pieces` P words or squares are ranked by their score towards the target, or by size if the map is unsigned;
    `fractions` (K,) of them are taken away. `value` is F(x) in `unit`, `blank` F with all of them taken away.
    `random` holds R random rankings, or, of a short text, every order that there is (`every_order`).
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
        """F(x) - F(x without the strongest fraction), (K,): high is good."""
        return self.curves.comprehensiveness

    @property
    def sufficiency(self) -> Numbers:
        """F(x) - F(only the strongest fraction), (K,): low is good."""
        return self.curves.sufficiency

    @property
    def aopc(self) -> float:
        """Mean of the comprehensiveness over the fractions, in the number's unit."""
        return self.measure("comprehensiveness").value

    @property
    def tau_loo(self) -> float:
        """Kendall's tau between the scores and the falls without each piece alone."""
        return self.measure("leave_one_out").value

    @property
    def rankings(self) -> int:
        """How many random rankings it is compared with."""
        return len(self.random.comprehensiveness)

    @property
    def verdict(self) -> Verdict:
        """Whether the map beats random rankings, by the AOPC."""
        least = 1 / (self.rankings + (not self.every_order))  # the probability that the best of all rankings gets
        return "too short to tell" if least > SIGNIFICANCE else self.measure("comprehensiveness").verdict

    def measure(self, key: str) -> Measure:
        """One of the measures by its metric's name."""
        return next(measure for measure in self.measures if measure.key == key)
