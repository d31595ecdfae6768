"""Explainer classes with the interface of transformers-interpret, implemented with the engine.

As in that library, an explainer stores the result of its last call.
"""

from .image_classification import ImageClassificationExplainer
from .multi_label_classification import MultiLabelClassificationExplainer
from .pair_classification import PairwiseSequenceClassificationExplainer
from .question_answering import QuestionAnsweringExplainer
from .sequence_classification import SequenceClassificationExplainer
from .token_classification import TokenClassificationExplainer
from .zero_shot_classification import ZeroShotClassificationExplainer

__all__ = [
    "ImageClassificationExplainer",
    "MultiLabelClassificationExplainer",
    "PairwiseSequenceClassificationExplainer",
    "QuestionAnsweringExplainer",
    "SequenceClassificationExplainer",
    "TokenClassificationExplainer",
    "ZeroShotClassificationExplainer",
]
