"""Tactics, the ways of attacking, and the decorator that registers one: what its signature says becomes its settings.

Knows no task; a Tactic's `run` takes an Opponent and is called by the engine alone.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from inspect import getdoc
from typing import Any, TypeVar

from .method import Knob, knobs
from .opponent import State

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Played:
    """What a tactic came to: its way, the text as it was given first, and whether and why it did what it set out to.

    `minimal` are the shortest texts that it found, of a tactic that looks for some.
    """

    path: tuple[State, ...]
    success: bool
    reason: str
    minimal: tuple[State, ...] = ()


@dataclass(frozen=True)
class Tactic:
    """A way of attacking: one function from an Opponent to what was Played. `keeps`: the answer is to stay the same."""

    key: str
    label: str
    paper: str
    run: Callable[..., Played]
    keeps: bool
    params: tuple[Knob, ...]

    @property
    def summary(self) -> str:
        """The first sentence of the function's docstring."""
        return re.split(r"\.\s", getdoc(self.run) or "")[0].rstrip(".").replace("\n", " ") + "."


ATTACKS: dict[str, Tactic] = {}


def tactic(label: str, *, paper: str, keeps: bool = False) -> Callable[[Function], Function]:
    """Register the decorated function as a Tactic; the function itself stays as it is.

    `keeps` says that it changes a text while the answer stays; the others make the model answer something else.
    """

    def register(function: Function) -> Function:
        key = function.__name__
        ATTACKS[key] = Tactic(key, label, paper, function, keeps, knobs(function))
        return function

    return register
