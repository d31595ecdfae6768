"""Wherefore's library: why did this transformer model say that?

Importable without Streamlit. The public names, and nothing else.
"""

from .attacks import ATTACKS
from .data import Explanation, Feature, Prediction
from .edits import Attack, Edit
from .engine import attack, evaluate, explain, predict
from .errors import ExplainerError
from .faithfulness import Faithfulness
from .methods import METHODS
from .metrics import METRICS
from .models.catalogue import CARDS
from .models.loading import Bundle
from .request import Request, Target
from .tasks import TASKS

__all__ = [
    "ATTACKS",
    "CARDS",
    "METHODS",
    "METRICS",
    "TASKS",
    "Attack",
    "Bundle",
    "Edit",
    "ExplainerError",
    "Explanation",
    "Faithfulness",
    "Feature",
    "Prediction",
    "Request",
    "Target",
    "attack",
    "evaluate",
    "explain",
    "predict",
]
