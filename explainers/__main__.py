"""The library on a terminal: `python -m explainers`.

Knows no command; they are in commands/.
"""

import sys

from .commands import main

if __name__ == "__main__":
    sys.exit(main())
