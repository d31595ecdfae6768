"""Image classification: which parts of the image made the model choose this label?"""

from pages.common.navigation import open_page

open_page()  # before the imports that take seconds

from explainers import TASKS  # noqa: E402
from pages.common.workbench import show_workbench  # noqa: E402

show_workbench(TASKS["image_classification"])
