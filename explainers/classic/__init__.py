"""The two-line classes that users of transformers-interpret know, each a few lines over the engine.

Unlike the rest of Wherefore they remember their last call: that is their contract.
"""

from .sequence_classification import SequenceClassificationExplainer

__all__ = ["SequenceClassificationExplainer"]
