"""The command line, `wherefore` or `python -m explainers`: explain, attack and evaluate requests, or open the app."""

import sys
import warnings
from collections.abc import Sequence

import typer

from ..errors import ExplainerError
from .output import print_note
from .parser import COMPLETE_VARIABLE, PROGRAM, app

FAILED, INTERRUPTED = 1, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 0 success, 1 failure, 2 wrong usage, 130 interrupted by ctrl-C."""
    command = typer.main.get_command(app)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # from libraries, about their own dependencies
            code = command.main(arguments, PROGRAM, COMPLETE_VARIABLE, standalone_mode=False)
    except ExplainerError as error:
        print(error, file=sys.stderr)
        return FAILED
    except typer.TyperException as error:
        print_note(
            f"{error.format_message().rstrip('.')}. Try {PROGRAM} explain|attack|evaluate|fetch|settings|app --help."
        )
        return error.exit_code
    if code == INTERRUPTED:  # typer has caught the KeyboardInterrupt
        print("Stopped.", file=sys.stderr)
    return int(code or 0)


__all__ = ["main"]
