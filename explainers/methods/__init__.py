"""The attribution methods: importing this package imports each of its modules, which register them in METHODS."""

from ..registry import METHODS, import_modules

import_modules(__name__)

__all__ = ["METHODS"]
