"""Zero-shot classification: which words made the model choose one of the labels that you typed?"""

from pages.common.navigation import show_task

show_task("zero_shot_classification")
