"""Explain the predictions of transformer models: the public names of the library."""

import os
import signal
import sys

if sys.argv[:1] == ["-m"] and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    # `python -m explainers` runs these imports first. They take seconds, in which ctrl-C would print a traceback.
    signal.signal(signal.SIGINT, lambda *_: os.write(2, b"Stopped.\n") and os._exit(130))

from .attacks import ATTACKS
from .engine import attack, evaluate, explain, predict
from .errors import ExplainerError
from .evaluation import METRICS
from .methods import METHODS
from .models.catalogue import CARDS
from .models.loading import Bundle
from .request import Request, Target
from .results.attack import Attack, Edit
from .results.explanation import Explanation, Feature, Prediction
from .results.faithfulness import Faithfulness
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
