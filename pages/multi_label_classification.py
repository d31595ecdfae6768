"""Multi-label classification: which words made the model find each of these labels?"""

from pages.common.navigation import open_page

open_page()  # before the imports that take seconds

from explainers import TASKS  # noqa: E402
from pages.common.workbench import show_workbench  # noqa: E402

show_workbench(TASKS["multi_label_classification"])
