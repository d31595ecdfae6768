"""The command line, `python -m explainers`; a wheel installs it as `wherefore` too."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
