"""Image classification: which parts of the image made the model choose this label?"""

from pages.common.navigation import show_task

show_task("image_classification")
