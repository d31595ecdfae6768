"""Command, which runs requests and writes their results, and Options, which all commands accept."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Argument, Option

from ..methods import METHODS
from ..models.catalogue import CARDS
from ..progress import Progress
from ..registry import AttackMethod
from ..request import Request
from ..tasks import TASKS

FORMATS = (".html", ".json", ".csv")
INPUTS_HELP = "inputs of the task; an image by its file name"
TABLE_HELP = "table of requests: one per row, one column per input; other columns are copied to FILE"
OUT_HELP = "write .html, .json or .csv instead of a summary"
MODEL_HELP = "name in the catalogue, Hugging Face id or folder (default: the task's first model)"
METHOD_HELP = "attribution method, listed below (default: the task's own)"
TARGET_HELP = "label to explain (default: the predicted one)"
SET_HELP = "setting, listed below; repeat for several"


def parse_pairs(texts: Sequence[str] | None) -> dict[str, str]:
    """Split each NAME=VALUE at its first equals sign."""
    for text in texts or ():
        if "=" not in text[1:] or re.search("[\ud800-\udfff]", text):  # surrogates stand for bytes that are not UTF-8
            raise typer.BadParameter(f"{text[:60]!r} is not NAME=VALUE in UTF-8")
    return dict(text.split("=", 1) for text in texts or ())


def parse_out(text: str) -> Path:
    """Return the file for the results, if its name ends in one of FORMATS."""
    if Path(text).suffix.lower() not in FORMATS:
        raise typer.BadParameter(f"{text[-60:]!r} does not end in {', '.join(FORMATS)}")
    return Path(text)


def choose_from(names: Collection[str]) -> dict[str, Any]:
    """Let a parameter accept, and complete, only these names."""

    def parse(text: str) -> str:
        if text not in names:
            raise typer.BadParameter(f"{text[:60]!r} is not one of {', '.join(names)}")
        return text

    return {"parser": parse, "autocompletion": lambda: list(names)}


@dataclass(frozen=True, kw_only=True)
class Options:
    """The arguments and options of a command, as typer declares them."""

    task: Annotated[str, Argument(metavar="TASK", help="task, listed below", **choose_from(TASKS))]
    inputs: Annotated[list[str] | None, Argument(metavar="NAME=TEXT", help=INPUTS_HELP)] = None
    input: Annotated[Path | None, Option(metavar="FILE.csv", help=TABLE_HELP)] = None
    out: Annotated[Path | None, Option(metavar="FILE", help=OUT_HELP, parser=parse_out)] = None
    model: Annotated[str, Option(metavar="MODEL", help=MODEL_HELP, autocompletion=lambda: list(CARDS))] = ""
    method: Annotated[str | None, Option(metavar="METHOD", help=METHOD_HELP, **choose_from(METHODS))] = None
    target: Annotated[str | None, Option(metavar="LABEL", help=TARGET_HELP)] = None
    foil: Annotated[str | None, Option(metavar="LABEL", help="label to compare the target with")] = None
    set: Annotated[list[str] | None, Option(metavar="NAME=VALUE", help=SET_HELP)] = None
    seed: Annotated[int, Option(metavar="N", help="random seed (default 0)", show_default=False)] = 0


@dataclass(frozen=True)
class Command:
    """What a command computes for a request, and how its result is written."""

    name: str
    help: str
    run: Callable[[Request, Any, Progress], Any]
    summarize: Callable[[Any], str]  # one line
    list_details: Callable[[Any], Iterable[str]]  # lines below the summary on a terminal
    to_json: Callable[[Any], str]
    to_html: Callable[[Any], str]
    header: Sequence[str]  # columns of a CSV file
    to_rows: Callable[[Any], Iterable[Sequence[object]]]
    options: type[Options] = Options
    own_settings: Callable[[Any], Collection[str]] = lambda options: ()  # names of settings that are not the request's
    attacks: Mapping[str, AttackMethod] = field(default_factory=dict)  # listed in its help
