"""The attacks: importing this package registers each of its files in ATTACKS.

Knows no task and no model.
"""

from ..registry import ATTACKS
from .hotflip import hotflip
from .input_reduction import input_reduction
from .random_swap import random_swap

__all__ = ["ATTACKS", "hotflip", "input_reduction", "random_swap"]
