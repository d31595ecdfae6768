"""The tasks, by their Hugging Face names.

Knows no method and no page.
"""

from ..task import Task
from .text_classification import TextClassification

TASKS: dict[str, Task] = {task.key: task for task in (TextClassification(),)}

__all__ = ["TASKS"]
