"""Masked words: which words of the text made the model fill the gap as it does?

Knows Requests alone.
"""

from pages.common.frame import self_sufficient

self_sufficient()  # before the imports that take seconds

from explainers import TASKS  # noqa: E402
from pages.common.workbench import workbench  # noqa: E402

workbench(TASKS["fill_mask"])
