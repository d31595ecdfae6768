"""Named entities: which words made the model find this name?"""

from pages.common.navigation import show_task

show_task("token_classification")
