"""Question answering: which words made the model choose this answer?"""

from pages.common.navigation import show_task

show_task("question_answering")
