"""The tasks, keyed by their Hugging Face names."""

from .base import Task
from .fill_mask import FillMask
from .image_classification import ImageClassification
from .multi_label_classification import MultiLabelClassification
from .pair_classification import PairClassification
from .question_answering import QuestionAnswering
from .text_classification import TextClassification
from .text_generation import TextGeneration
from .token_classification import TokenClassification
from .translation import Translation
from .zero_shot_classification import ZeroShotClassification

TASKS: dict[str, Task] = {
    task.key: task
    for task in (
        TextClassification(),
        PairClassification(),
        MultiLabelClassification(),
        ZeroShotClassification(),
        QuestionAnswering(),
        TokenClassification(),
        FillMask(),
        TextGeneration(),
        Translation(),
        ImageClassification(),
    )
}

__all__ = ["TASKS"]
