"""Text generation: which words made the model write each word?"""

from pages.common.navigation import open_page

open_page()  # before the imports that take seconds

from explainers import TASKS  # noqa: E402
from pages.common.workbench import show_workbench  # noqa: E402

show_workbench(TASKS["text_generation"])
