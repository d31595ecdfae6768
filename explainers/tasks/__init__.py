"""The tasks, by their Hugging Face names: importing this package finds the Task in each of its modules."""

from ..models.loading import AUTO
from ..registry import import_modules
from .base import Task

ORDER = (  # on pages and in lists; other tasks follow these
    "text_classification",
    "pair_classification",
    "multi_label_classification",
    "zero_shot_classification",
    "question_answering",
    "token_classification",
    "fill_mask",
    "text_generation",
    "translation",
    "image_classification",
)
_FOUND: dict[str, Task] = {
    member.key: member()
    for module in import_modules(__name__)
    for member in vars(module).values()
    if isinstance(member, type) and issubclass(member, Task) and "key" in vars(member)
}
TASKS = {**{key: _FOUND[key] for key in ORDER}, **_FOUND}
AUTO.update({key: task.auto_class for key, task in TASKS.items()})

__all__ = ["TASKS"]
