"""The command line, `python -m explainers`."""

import signal
import sys

from .cli import main

if __name__ == "__main__":
    if callable(signal.getsignal(signal.SIGINT)):  # set in __init__.py
        signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(main())
