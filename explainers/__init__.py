"""Wherefore's library: why did this transformer model say that?

Importable without Streamlit. The public names, and nothing else.
"""

from .catalogue import CARDS
from .data import Explanation, Feature, Prediction
from .engine import explain, predict
from .errors import ExplainerError
from .loading import Bundle
from .methods import METHODS
from .request import Request, Target
from .tasks import TASKS

__all__ = [
    "CARDS",
    "METHODS",
    "TASKS",
    "Bundle",
    "ExplainerError",
    "Explanation",
    "Feature",
    "Prediction",
    "Request",
    "Target",
    "explain",
    "predict",
]
