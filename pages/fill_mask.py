"""Masked words: which words of the text made the model fill the gap as it does?"""

from pages.common.navigation import show_task

show_task("fill_mask")
