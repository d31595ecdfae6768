"""Step scores: scores of a single generated token, each a small function that can be shown in a row or explained.

Letters: B inputs in a batch, T explained tokens, V size of the vocabulary, K passes with dropout.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ...results.step_scores import STEP_SCORE_INFO

MOST_NATS = 80.0  # of cross-entropy whose exponential is still a float32


@dataclass(frozen=True, eq=False)
class StepInputs:
    """The model's logits (B, T, V) for T tokens `ids` (T,), and what they are compared with.

    `foils` (T,) are the tokens of a contrast; `without_context` (T, V) the logits of the same tokens without the
    context, `without_input` (T, V) those after an empty prompt; `dropout_logits` (K, B, T, V) come from K passes with
    dropout on. `top_p_mass` is the share of probability that `top_p_size` counts to.
    """

    logits: Tensor
    ids: Tensor
    foils: Tensor | None = None
    without_context: Tensor | None = None
    without_input: Tensor | None = None
    dropout_logits: Tensor | None = None
    top_p_mass: float = 0.9


@dataclass(frozen=True)
class StepScore:
    """A function from StepInputs to a score for each token, (B, T), with the names of the fields that it `needs`.

    Its label, unit and meaning for readers are in `results/step_scores.py`, which works without torch.
    """

    key: str
    label: str
    run: Callable[[StepInputs], Tensor]
    needs: frozenset[str]
    contrasts: bool  # whether it depends on the token, so that token minus foil is meaningful


STEP_SCORES: dict[str, StepScore] = {}


def step_score(
    *, needs: Iterable[str] = (), contrasts: bool = False
) -> Callable[[Callable[[StepInputs], Tensor]], Callable[[StepInputs], Tensor]]:
    """Register the decorated function as a StepScore, and return it unchanged."""

    def register(function: Callable[[StepInputs], Tensor]) -> Callable[[StepInputs], Tensor]:
        key = function.__name__
        STEP_SCORES[key] = StepScore(key, STEP_SCORE_INFO[key].label, function, frozenset(needs), contrasts)
        return function

    return register


@step_score(contrasts=True)
def probability(inputs: StepInputs) -> Tensor:
    """Return the probability of the token."""
    return log_probability(inputs).exp()


@step_score(contrasts=True)
def logit(inputs: StepInputs) -> Tensor:
    """Return the logit of the token, before the softmax."""
    return inputs.logits.gather(-1, inputs.ids.expand(len(inputs.logits), -1)[..., None])[..., 0]  # (B, T)


@step_score(contrasts=True)
def log_probability(inputs: StepInputs) -> Tensor:
    """Return the natural logarithm of the probability."""
    return logit(inputs) - inputs.logits.logsumexp(-1)


@step_score()
def cross_entropy(inputs: StepInputs) -> Tensor:
    """Return minus the logarithm of the probability, in nats."""
    return -log_probability(inputs)


@step_score()
def perplexity(inputs: StepInputs) -> Tensor:
    """Return the exponential of the cross-entropy."""
    return cross_entropy(inputs).clamp(max=MOST_NATS).exp()


@step_score()
def entropy(inputs: StepInputs) -> Tensor:
    """Return the entropy of the next-token distribution, in nats."""
    logs = inputs.logits.log_softmax(-1)  # (B, T, V)
    return -(logs.exp() * _drop_impossible(logs)).sum(-1)


@step_score()
def top_p_size(inputs: StepInputs) -> Tensor:
    """Return the size of the smallest set of tokens whose probability reaches `top_p_mass`."""
    shares = inputs.logits.softmax(-1).sort(-1, descending=True).values.cumsum(-1)  # (B, T, V)
    return ((shares < inputs.top_p_mass).sum(-1) + 1).clamp(max=shares.shape[-1]).to(shares.dtype)


@step_score(needs=("without_context",))
def kl_divergence(inputs: StepInputs) -> Tensor:
    """Return KL(with context, without context) of the next-token distributions, in nats."""
    logs, others = inputs.logits.log_softmax(-1), _require(inputs.without_context).log_softmax(-1)  # (B, T, V), (T, V)
    return (logs.exp() * (_drop_impossible(logs) - others.masked_fill(logs.isneginf(), 0.0))).sum(-1)


@step_score(needs=("without_context",))
def p_cxmi(inputs: StepInputs) -> Tensor:
    """Return log2 of p with the context over p without it, in bits (Fernandes et al. 2023)."""
    return _compute_information_gain(inputs, _require(inputs.without_context))


@step_score(needs=("without_input",))
def in_context_pvi(inputs: StepInputs) -> Tensor:
    """Return log2 of p with the input over p after an empty prompt, in bits (Lu et al. 2023)."""
    return _compute_information_gain(inputs, _require(inputs.without_input))


@step_score(needs=("dropout_logits",))
def dropout_spread(inputs: StepInputs) -> Tensor:
    """Return the standard deviation of the probability over passes with dropout on (Gal & Ghahramani 2016)."""
    logs = _require(inputs.dropout_logits).log_softmax(-1)  # (K, B, T, V)
    chosen = logs.gather(-1, inputs.ids.expand(*logs.shape[:-1])[..., None])[..., 0].exp()  # (K, B, T)
    return chosen.std(0, correction=0)


def compute_step_score(inputs: StepInputs, key: str) -> Tensor:
    """Compute the step score of that key, (B, T); with foils, minus that of the foils."""
    own = STEP_SCORES[key].run(inputs)
    return own if inputs.foils is None else own - STEP_SCORES[key].run(replace(inputs, ids=inputs.foils))


def find_available(inputs: StepInputs) -> list[StepScore]:
    """Return the step scores whose needs are met, in the order of their registration."""
    return [step for step in STEP_SCORES.values() if all(getattr(inputs, need) is not None for need in step.needs)]


def _compute_information_gain(inputs: StepInputs, others: Tensor) -> Tensor:
    """Compute log2 of the token's probability over that from the logits `others` (T, V), in bits, (B, T)."""
    before = log_probability(StepInputs(others[None], inputs.ids))  # (1, T)
    return (log_probability(inputs) - before) / math.log(2)


def _drop_impossible(logs: Tensor) -> Tensor:
    """Replace the logarithm of a probability of 0, whose product with it is 0 in a sum over all tokens."""
    return logs.masked_fill(logs.isneginf(), 0.0)


def _require(tensor: Tensor | None) -> Tensor:
    if tensor is None:
        raise ValueError("a step score was computed whose needs are not met")
    return torch.as_tensor(tensor)
