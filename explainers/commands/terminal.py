"""Lines and progress on a terminal; whatever is foreign in them is made visible.

Knows no command.
"""

import sys

from ..progress import Progress
from ..views.text import visible

CLEAR = "\r\x1b[K"  # back to the start of the line, and nothing on it


def note(text: str) -> None:
    """A line for the person who waits, beside what a pipe reads."""
    print((CLEAR if sys.stderr.isatty() else "") + visible(text), file=sys.stderr, flush=True)


def shown(before: str = "") -> Progress:
    """A Progress on one line of a terminal, which is written over; silent where no person reads it."""

    def progress(what: str, share: float) -> None:
        if sys.stderr.isatty():
            print(f"{CLEAR}{before}{visible(what)} {share:4.0%}", end="", file=sys.stderr, flush=True)

    return progress
