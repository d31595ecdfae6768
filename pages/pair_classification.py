"""Pair classification: which words of two texts made the model judge them as it does?"""

from pages.common.navigation import show_task

show_task("pair_classification")
