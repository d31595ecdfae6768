"""Multi-label classification: which words made the model find each of these labels?"""

from pages.common.navigation import show_task

show_task("multi_label_classification")
