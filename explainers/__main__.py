"""The command line, `python -m explainers`."""

import signal
import sys

from .cli import main

if __name__ == "__main__":
    if callable(signal.getsignal(signal.SIGINT)):  # __init__.py let ctrl-C end the imports at once
        signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(main())
