"""Text classification: which words made the model choose this label?"""

from pages.common.navigation import show_task

show_task("text_classification")
