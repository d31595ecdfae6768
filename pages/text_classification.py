"""Text classification: which words made the model choose this label?

Knows Requests alone.
"""

from explainers import TASKS
from pages.common.workbench import workbench

workbench(TASKS["text_classification"])
