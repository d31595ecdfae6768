"""Wherefore's library: why did this transformer model say that?

Importable without Streamlit. The public names, and nothing else.
"""

from .catalogue import CARDS
from .data import Explanation, Feature, Prediction
from .engine import evaluate, explain, predict
from .errors import ExplainerError
from .faithfulness import Faithfulness
from .loading import Bundle
from .methods import METHODS
from .metrics import METRICS
from .request import Request, Target
from .tasks import TASKS

__all__ = [
    "CARDS",
    "METHODS",
    "METRICS",
    "TASKS",
    "Bundle",
    "ExplainerError",
    "Explanation",
    "Faithfulness",
    "Feature",
    "Prediction",
    "Request",
    "Target",
    "evaluate",
    "explain",
    "predict",
]
