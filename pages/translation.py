"""Translation: which words of the source made the model write each word?"""

from pages.common.navigation import show_task

show_task("translation")
