"""Metrics: one function each, from a Trial to a number, and what its decorator says of it.

Knows no torch and no Streamlit; random rankings are measured beside every map by whoever calls the metric.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from .method import first_sentence

Function = TypeVar("Function", bound=Callable[..., float])
Better = Literal["high", "low"]


@dataclass(frozen=True)
class Metric:
    """A number that says how true a map is to its model, and whether high or low is better."""

    key: str
    label: str
    paper: str
    better: Better
    run: Callable[[Any], float]

    @property
    def summary(self) -> str:
        """The first sentence of the function's docstring."""
        return first_sentence(self.run)


METRICS: dict[str, Metric] = {}


def metric(label: str, *, paper: str, better: Better) -> Callable[[Function], Function]:
    """Register the decorated function as a Metric; the function itself stays as it is.

    It takes a Trial and returns a float, NaN where the metric is not defined. Pages show it, with random rankings
    beside it, and its docstring's first sentence as the help.
    """

    def register(function: Function) -> Function:
        METRICS[function.__name__] = Metric(function.__name__, label, paper, better, function)
        return function

    return register
