"""What can be done on a terminal: explain one request or a table of them, and fetch the bundled weights.

Knows no model and no page.
"""

import sys
import warnings
from collections.abc import Sequence

from ..errors import ExplainerError
from .arguments import read

WELL, FAILED, STOPPED = 0, 1, 130  # exit codes; argparse gives 2 to a command that is none


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command says. 0 if all is well, 1 if anything failed, with the reason on the terminal."""
    asked = read(arguments)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # what libraries say to each other
            return WELL if asked.run(asked) else FAILED
    except ExplainerError as error:
        print(error, file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return STOPPED


__all__ = ["main"]
