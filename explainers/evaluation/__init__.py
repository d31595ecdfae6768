"""Faithfulness metrics, one file each. Importing the package registers them in METRICS."""

from ..registry import METRICS, import_modules

import_modules(__name__)

__all__ = ["METRICS"]
