"""Step scores for readers: the label, the unit and the meaning of each, and how those of several tokens become one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

MARGIN = "_margin"  # the end of the key of a contrast: the score of the token minus that of the other token
Merge = Callable[[Sequence[float]], Any]


@dataclass(frozen=True)
class StepScoreInfo:
    """What readers are told of a step score; `unit` is empty for a number without one."""

    label: str
    unit: str
    summary: str
    merge: Merge = np.mean  # the scores of consecutive tokens as one number


def _merge_perplexities(numbers: Sequence[float]) -> Any:
    return np.exp(np.mean(np.log(numbers)))


STEP_SCORE_INFO = {
    "probability": StepScoreInfo("Probability", "", "How probable the model found this token.", np.prod),
    "logit": StepScoreInfo("Logit", "", "The model's output for this token, before the softmax."),
    "log_probability": StepScoreInfo("Log-probability", "nats", "The natural logarithm of the probability.", np.sum),
    "cross_entropy": StepScoreInfo(
        "Cross-entropy",
        "nats",
        "Minus the logarithm of the probability: how much the token surprised the model.",
        np.sum,
    ),
    "perplexity": StepScoreInfo(
        "Perplexity", "", "The exponential of the cross-entropy: 1 for a certain token.", _merge_perplexities
    ),
    "entropy": StepScoreInfo(
        "Entropy", "nats", "How undecided the model was between all tokens; 0 if one has all of the probability."
    ),
    "top_p_size": StepScoreInfo(
        "Top-p size", "tokens", "How many of the most probable tokens together reach the set share of the probability."
    ),
    "kl_divergence": StepScoreInfo(
        "KL divergence", "nats", "How far the context moves the probabilities of all next tokens."
    ),
    "p_cxmi": StepScoreInfo(
        "P-CXMI", "bits", "How many times the context doubles the probability of this token (Fernandes et al. 2023)."
    ),
    "in_context_pvi": StepScoreInfo(
        "In-context PVI",
        "bits",
        "How many times the whole input doubles the probability of this token (Lu et al. 2023).",
    ),
    "dropout_spread": StepScoreInfo(
        "Standard deviation under dropout",
        "",
        "The standard deviation of the token's probability over passes with dropout on.",
    ),
}


def name_step_score(key: str, *, unit: bool = True) -> str:
    """Name a step score for readers, with its unit in brackets; an unknown key is returned as words."""
    info = STEP_SCORE_INFO.get(key.removesuffix(MARGIN))
    if info is None:
        return key.replace("_", " ")
    label = f"{info.label}, margin" if key.endswith(MARGIN) else info.label
    return f"{label} ({info.unit})" if unit and info.unit else label


def describe_step_score(key: str) -> str:
    """Describe a step score in one sentence, empty for an unknown key."""
    info = STEP_SCORE_INFO.get(key.removesuffix(MARGIN))
    if info is None:
        return ""
    return f"{info.summary} Here, that of the token minus that of the other." if key.endswith(MARGIN) else info.summary


def merge_step_scores(key: str, numbers: Sequence[float]) -> float:
    """Merge the step scores of consecutive tokens into one number."""
    info = STEP_SCORE_INFO.get(key)
    return float(info.merge(numbers) if info else np.mean(numbers))
