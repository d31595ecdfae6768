"""A Verb: what a command does with a request, and how its answer is written.

Knows no command and no file.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ..data import Progress
from ..request import Request


@dataclass(frozen=True)
class Verb:
    """`run` answers a request; the rest says the answer in words, as JSON, as a page, or as a table's rows."""

    name: str
    help: str
    run: Callable[[Request, Progress], Any]
    said: Callable[[Any], str]  # on one line
    listed: Callable[[Any], Iterable[str]]  # the lines below it, for one who reads them on a terminal
    json: Callable[[Any], str]
    html: Callable[[Any], str]
    head: Sequence[str]
    lines: Callable[[Any], Iterable[Sequence[object]]]
