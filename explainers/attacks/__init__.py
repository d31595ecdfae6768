"""Attacks, one file each. Importing the package registers them in ATTACKS."""

from ..registry import ATTACKS, import_modules

import_modules(__name__)

__all__ = ["ATTACKS"]
