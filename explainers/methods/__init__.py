"""Attribution methods, one file each. Importing the package registers them in METHODS."""

from ..registry import METHODS, import_modules

import_modules(__name__)

__all__ = ["METHODS"]
