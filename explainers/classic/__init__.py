"""Explainer classes with the interface of transformers-interpret, implemented with the engine.

`from explainers.classic import …` takes the place of `from transformers_interpret import …`. As in that library, an
explainer stores the result of its last call.
"""

from .attributions import Attributions, AttributionType, LIGAttributions, NoiseTunnelType
from .base import BaseExplainer
from .errors import (
    AttributionsNotCalculatedError,
    AttributionTypeNotSupportedError,
    InputIdsNotCalculatedError,
    InvalidCall,
)
from .image_classification import ImageClassificationExplainer
from .multi_label_classification import MultiLabelClassificationExplainer
from .pair_classification import PairwiseSequenceClassificationExplainer
from .question_answering import QuestionAnsweringExplainer
from .sequence_classification import SequenceClassificationExplainer
from .token_classification import TokenClassificationExplainer
from .zero_shot_classification import ZeroShotClassificationExplainer

__all__ = [
    "AttributionType",
    "AttributionTypeNotSupportedError",
    "Attributions",
    "AttributionsNotCalculatedError",
    "BaseExplainer",
    "ImageClassificationExplainer",
    "InputIdsNotCalculatedError",
    "InvalidCall",
    "LIGAttributions",
    "MultiLabelClassificationExplainer",
    "NoiseTunnelType",
    "PairwiseSequenceClassificationExplainer",
    "QuestionAnsweringExplainer",
    "SequenceClassificationExplainer",
    "TokenClassificationExplainer",
    "ZeroShotClassificationExplainer",
]
