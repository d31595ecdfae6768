"""Pair classification: which words of two texts made the model judge them as it does?"""

from pages.common.navigation import open_page

open_page()  # before the imports that take seconds

from explainers import TASKS  # noqa: E402
from pages.common.workbench import show_workbench  # noqa: E402

show_workbench(TASKS["pair_classification"])
