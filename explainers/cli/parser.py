"""The typer application: its commands, shell completion, and help generated from tasks, methods and settings."""

import shlex
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from inspect import signature
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from typer._completion_classes import completion_init
from typer._completion_shared import get_completion_script

from ..methods import METHODS
from ..registry import AttackMethod, Method, Param
from ..tasks import TASKS
from ..tasks.base import Task
from .app import open_app
from .attack import ATTACK
from .command import Command, choose_from
from .evaluate import EVALUATE
from .explain import EXPLAIN
from .fetch import fetch_weights
from .run import run_command
from .settings import print_settings

COMMAND, MODULE = "wherefore", "python -m explainers"  # the first is the console command that a wheel installs
PROGRAM = COMMAND if Path(sys.argv[0]).stem == COMMAND else MODULE
SHORTCUT = "explainers"  # shells complete single words only, so the completion script of MODULE defines this one
COMPLETE_VARIABLE = "_EXPLAINERS_COMPLETE"
COMPLETION_HELP = "print a script for the completion of " + (
    COMMAND if PROGRAM == COMMAND else f"the command {SHORTCUT}, which it defines"
)
WIDTH = 76  # of the catalogue: fits 80 columns with typer's padding

completion_init()
app = typer.Typer(
    help="Explain the predictions of transformer models.",
    epilog=f"{PROGRAM} COMMAND --help lists the tasks, methods and settings.",
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    add_completion=False,  # typer's own script calls the program by one word
)


@app.callback(invoke_without_command=True)
def start(
    context: typer.Context,
    show_completion: Annotated[
        str | None, typer.Option(metavar="bash|zsh|fish", help=COMPLETION_HELP, **choose_from(("bash", "zsh", "fish")))
    ] = None,
) -> None:
    """Handle the options before the command."""
    if show_completion:
        _print_completion(show_completion)
        raise typer.Exit
    if not context.invoked_subcommand:
        if PROGRAM == MODULE:
            context.fail("Missing command")
        open_app()


def _print_completion(shell: str) -> None:
    name = COMMAND if PROGRAM == COMMAND else SHORTCUT
    if name == SHORTCUT:
        run = f"{shlex.quote(sys.executable)} -m explainers"
        fish = f"function {SHORTCUT}; {run} $argv; end"
        print(fish if shell == "fish" else f'{SHORTCUT}() {{ {run} "$@"; }}')
    script = get_completion_script(prog_name=name, complete_var=COMPLETE_VARIABLE, shell=shell)
    print(script.replace("env ", ""))  # env cannot call a shell function


def add_command(command: Command) -> None:
    """Add a command to the application; its parameters are the fields of `command.options`."""

    def call(**options: Any) -> int:
        return 0 if run_command(command, command.options(**options)) else 1

    vars(call)["__signature__"] = signature(command.options)
    app.command(command.name, help=command.help, epilog=format_catalogue(command.attacks))(call)


def format_catalogue(attacks: Mapping[str, AttackMethod]) -> str:
    """List every task, method and setting, and the attacks given, in rich markup."""
    return "\n".join(_list_catalogue(attacks)).lstrip()


def _list_catalogue(attacks: Mapping[str, AttackMethod]) -> Iterator[str]:
    if attacks:
        yield "\n[bold]Attacks and their settings[/bold]"
        yield from _list_functions(attacks)
    yield "\n[bold]Tasks and their inputs[/bold]"
    for task in TASKS.values():
        yield from _format_entry(2, task.key, task.question)
        for field in task.fields:
            yield from _format_entry(4, f"{field.name}=", f"{field.label}. {field.placeholder}")
        yield from _list_settings(param for param in task.params if param not in Task.params)
    yield "\n[bold]Settings of every text task[/bold]"
    yield from _list_settings(Task.params)
    yield "\n[bold]Methods and their settings[/bold]"
    yield from _list_functions(METHODS)


def _list_functions(functions: Mapping[str, Method | AttackMethod]) -> Iterator[str]:
    for key, function in functions.items():
        yield from _format_entry(2, key, f"{function.label}. {function.summary}")
        yield from _list_settings(function.params)


def _list_settings(params: Iterable[Param]) -> Iterator[str]:
    for param in params:
        default = str(param.default).lower() if param.kind is bool else param.default
        yield from _format_entry(4, f"--set {param.name}={default}", f"{param.help} Give {param.allowed}.".lstrip())


def _format_entry(indent: int, name: str, text: str) -> list[str]:
    lines = textwrap.wrap(text, WIDTH, initial_indent=" " * 8, subsequent_indent=" " * 8)
    return [f"{' ' * indent}[cyan]{escape(name)}[/cyan]", *map(escape, lines)]


for _command in (EXPLAIN, ATTACK, EVALUATE):
    add_command(_command)
app.command("fetch", help="Download the weights of all bundled models into the cache folder.")(fetch_weights)
app.command("settings", help="Print the limits of this server, each as its environment variable.")(print_settings)
app.command("app", help="Open the app in the browser.")(open_app)
