"""The attacks: importing this package imports each of its modules, which register them in ATTACKS."""

from ..registry import ATTACKS, import_modules

import_modules(__name__)

__all__ = ["ATTACKS"]
