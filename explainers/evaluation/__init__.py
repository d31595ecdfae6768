"""The metrics of faithfulness: importing this package imports each of its modules, which register them in METRICS."""

from ..registry import METRICS, import_modules

import_modules(__name__)

__all__ = ["METRICS"]
