"""The words of a command: argparse's parser, its help drawn from the tasks, methods and their settings.

Knows no model.
"""

import textwrap
from argparse import ArgumentParser, ArgumentTypeError, Namespace, RawDescriptionHelpFormatter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from ..methods import METHODS
from ..registry import Param
from ..task import Task
from ..tasks import TASKS
from . import files
from .asking import ask
from .attacking import ATTACK
from .evaluating import EVALUATE
from .explaining import EXPLAIN
from .fetching import fetch_all
from .verb import Tool, Verb

VERBS = (EXPLAIN, ATTACK, EVALUATE)
WIDE = 110


def read(words: Sequence[str] | None) -> Namespace:
    """What the words of a command ask for, or those of this process; `run` of it does it. Ends the process if none."""
    whole = _parser()
    asked, more = whole.parse_known_args(words)  # inputs that stand behind an option are left over
    try:
        if more and not hasattr(asked, "inputs"):
            raise ArgumentTypeError(f"unrecognized arguments: {' '.join(more)}")
        if more:
            asked.inputs += map(_pair, more)
    except ArgumentTypeError as error:
        whole.error(str(error))
    return asked


def _parser() -> ArgumentParser:
    """What `python -m explainers` understands; a command's function is in `run`."""
    whole = ArgumentParser(prog="python -m explainers", description="Why did this transformer model say that?")
    commands = whole.add_subparsers(dest="command", required=True)
    for verb in VERBS:
        said = verb.help[:1].upper() + verb.help[1:] + "."
        _asking(
            verb,
            commands.add_parser(
                verb.name,
                help=verb.help,
                description=said,
                epilog=catalogue(verb.tools),
                formatter_class=RawDescriptionHelpFormatter,
            ),
        )
    fetching = commands.add_parser("fetch", help="download the weights of all bundled models into the cache folder")
    fetching.set_defaults(run=fetch_all)
    return whole


def _asking(verb: Verb, words: ArgumentParser) -> None:
    verb.words(words)
    words.add_argument("task", choices=TASKS, metavar="TASK", help="one of the tasks below")
    words.add_argument(
        "inputs", nargs="*", type=_pair, metavar="NAME=TEXT", help="the task's inputs, an image by its file"
    )
    words.add_argument("--input", type=Path, metavar="FILE.csv", help="many requests: a row each, a column an input")
    words.add_argument("--out", type=_out, metavar="FILE", help="write .html, .json or .csv instead of a few lines")
    words.add_argument("--model", help="one of the catalogue, a Hugging Face id, or a folder; else the task's first")
    words.add_argument(
        "--method", choices=METHODS, metavar="METHOD", help="one of the methods below; else the task's own"
    )
    words.add_argument("--target", help="the label that it is about; else what the model says")
    words.add_argument("--foil", help="the label to compare it with")
    words.add_argument("--set", action="append", default=[], type=_pair, metavar="NAME=VALUE", help="a setting below")
    words.add_argument("--seed", type=int, default=0, help="of whatever is drawn by chance; 0 unless given")
    words.set_defaults(run=partial(ask, verb))


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals) or name.startswith("-"):
        raise ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def _out(text: str) -> Path:
    if files.kind(Path(text)) not in files.KINDS:
        raise ArgumentTypeError(f"{text!r} does not end in {', '.join(files.KINDS)}")
    return Path(text)


def catalogue(tools: Mapping[str, Tool]) -> str:
    """Every task, method and setting, and the command's own tools, in words."""
    return "\n".join(_catalogue(tools))


def _catalogue(tools: Mapping[str, Tool]) -> Iterator[str]:
    if tools:
        yield "attacks and their settings:"
        yield from _tools(tools)
        yield ""
    yield "tasks and their inputs:"
    for task in TASKS.values():
        yield from _entry(2, task.key, task.question)
        for field in task.fields:
            yield from _entry(4, f"{field.name}=", f"{field.label}. {field.placeholder}")
        yield from _settings(knob for knob in task.params if knob not in Task.params)
    yield "\nsettings of every task on text:"
    yield from _settings(Task.params)
    yield "\nmethods and their settings:"
    yield from _tools(METHODS)


def _tools(tools: Mapping[str, Tool]) -> Iterator[str]:
    for key, tool in tools.items():
        yield from _entry(2, key, f"{tool.label}. {tool.summary}")
        yield from _settings(tool.params)


def _settings(knobs: Iterable[Param]) -> Iterator[str]:
    for knob in knobs:
        default = str(knob.default).lower() if knob.kind is bool else knob.default
        yield from _entry(4, f"--set {knob.name}={default}", f"{knob.help} Give {knob.allowed}.".lstrip())


def _entry(indent: int, name: str, said: str) -> list[str]:
    return [" " * indent + name, *textwrap.wrap(said, WIDE, initial_indent=" " * 8, subsequent_indent=" " * 8)]
