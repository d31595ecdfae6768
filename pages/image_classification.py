"""Image classification: which parts of the picture made the model choose this label?

Knows Requests alone.
"""

from pages.common.frame import self_sufficient

self_sufficient()  # before the imports that take seconds

from explainers import TASKS  # noqa: E402
from pages.common.workbench import workbench  # noqa: E402

workbench(TASKS["image_classification"])
