"""The two-line classes that users of transformers-interpret know, each a few lines over the engine.

Unlike the rest of Wherefore they remember their last call: that is their contract.
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
