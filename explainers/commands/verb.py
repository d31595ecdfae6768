"""A Verb: what a command does with a request, and how its answer is written.

Knows no command and no file.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..progress import Progress
from ..registry import Param
from ..request import Request


class Tool(Protocol):
    """What has a name, a sentence and settings, as a method or an attack has."""

    @property
    def label(self) -> str: ...
    @property
    def summary(self) -> str: ...
    @property
    def params(self) -> tuple[Param, ...]: ...


def nothing(words: ArgumentParser) -> None:
    """Of a command that has no words of its own."""


@dataclass(frozen=True)
class Verb:
    """`run` answers a request; the next say the answer in words, as JSON, as a page, or as a table's rows.

    `words` adds what this command alone understands, `own` are settings that are not the request's, and `tools` are
    what its help lists besides methods.
    """

    name: str
    help: str
    run: Callable[[Request, Namespace, Progress], Any]
    said: Callable[[Any], str]  # on one line
    listed: Callable[[Any], Iterable[str]]  # the lines below it, for one who reads them on a terminal
    json: Callable[[Any], str]
    html: Callable[[Any], str]
    head: Sequence[str]
    lines: Callable[[Any], Iterable[Sequence[object]]]
    words: Callable[[ArgumentParser], None] = nothing
    own: Callable[[Namespace], frozenset[str]] = lambda asked: frozenset()
    tools: Mapping[str, Tool] = field(default_factory=dict)
