"""Text generation: which words made the model write each word?"""

from pages.common.navigation import show_task

show_task("text_generation")
