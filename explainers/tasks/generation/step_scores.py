"""Step scores: numbers of one written token, each a small function that can be shown in a row, or explained.

Knows no tokenizer and no method. Letters: B inputs, T tokens that were written, V words of the vocabulary.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

MOST = 80.0  # nats of surprise whose exponential still is a float32


@dataclass(frozen=True, eq=False)
class StepInputs:
    """What the model tells of T tokens `ids` (T,) in B inputs: logits (B, T, V), and what they are compared with.

    `foils` (T,) are the tokens of a contrast; `without` (T, V) are the logits without the context, `empty` (T, V)
    those after no text at all; `shaken` (K, B, T, V) come from K passes with dropout on.
    """

    logits: Tensor
    ids: Tensor
    foils: Tensor | None = None
    without: Tensor | None = None
    empty: Tensor | None = None
    shaken: Tensor | None = None
    mass: float = 0.9  # of probability, for `top_p_size`


@dataclass(frozen=True)
class StepScore:
    """A step score: one function from what is Told to a number a token, (B, T), and what it `needs` of Told."""

    key: str
    label: str
    run: Callable[[StepInputs], Tensor]
    needs: frozenset[str]
    contrasts: bool  # whether its difference between a token and its foil means something
    smooth: bool  # whether it has a gradient


STEPS: dict[str, StepScore] = {}


def step_score(
    label: str, *, needs: Iterable[str] = (), contrasts: bool = False, smooth: bool = True
) -> Callable[[Callable[[StepInputs], Tensor]], Callable[[StepInputs], Tensor]]:
    """Register the decorated function as a Step; the function itself stays as it is."""

    def register(function: Callable[[StepInputs], Tensor]) -> Callable[[StepInputs], Tensor]:
        key = function.__name__
        STEPS[key] = StepScore(key, label, function, frozenset(needs), contrasts, smooth)
        return function

    return register


@step_score("Probability", contrasts=True)
def probability(told: StepInputs) -> Tensor:
    """How probable the token was."""
    return log_probability(told).exp()


@step_score("Logit", contrasts=True)
def logit(told: StepInputs) -> Tensor:
    """The model's own number for the token, before all are made to sum to one."""
    return told.logits.gather(-1, told.ids.expand(len(told.logits), -1)[..., None])[..., 0]  # (B, T)


@step_score("Log-probability", contrasts=True)
def log_probability(told: StepInputs) -> Tensor:
    """The natural logarithm of the probability."""
    return logit(told) - told.logits.logsumexp(-1)


@step_score("Cross-entropy")
def cross_entropy(told: StepInputs) -> Tensor:
    """How surprising the token was, in nats: minus the logarithm of its probability."""
    return -log_probability(told)


@step_score("Perplexity")
def perplexity(told: StepInputs) -> Tensor:
    """Among how many equally probable tokens one would be as surprising: e to the cross-entropy."""
    return cross_entropy(told).clamp(max=MOST).exp()


@step_score("Entropy")
def entropy(told: StepInputs) -> Tensor:
    """How undecided the model was between all tokens, in nats."""
    logs = told.logits.log_softmax(-1)  # (B, T, V)
    return -(logs.exp() * logs).sum(-1)


@step_score("Tokens that share the top of the probability", smooth=False)
def top_p_size(told: StepInputs) -> Tensor:
    """How many of the most probable tokens it takes to make up `mass`."""
    shares = told.logits.softmax(-1).sort(-1, descending=True).values.cumsum(-1)  # (B, T, V)
    return ((shares < told.mass).sum(-1) + 1).clamp(max=shares.shape[-1]).to(shares.dtype)


@step_score("Divergence from the same without context", needs=("without",))
def kl_divergence(told: StepInputs) -> Tensor:
    """How far all probabilities are from those without the context: KL(with, without), in nats."""
    logs, others = told.logits.log_softmax(-1), _needed(told.without).log_softmax(-1)  # (B, T, V), (T, V)
    return (logs.exp() * (logs - others)).sum(-1)


@step_score("P-CXMI: what the context adds", needs=("without",))
def p_cxmi(told: StepInputs) -> Tensor:
    """How many bits likelier the context makes the token (Fernandes et al. 2023): log2 of p with over p without."""
    return _bits(told, _needed(told.without))


@step_score("In-context PVI: what the input adds", needs=("empty",))
def in_context_pvi(told: StepInputs) -> Tensor:
    """How many bits likelier the whole input makes the token (Lu et al. 2023): log2 of p with over p after nothing."""
    return _bits(told, _needed(told.empty))


@step_score("Spread under dropout", needs=("shaken",))
def dropout_spread(told: StepInputs) -> Tensor:
    """The standard deviation of the probability over passes with dropout on (Gal & Ghahramani 2016)."""
    logs = _needed(told.shaken).log_softmax(-1)  # (K, B, T, V)
    chosen = logs.gather(-1, told.ids.expand(*logs.shape[:-1])[..., None])[..., 0].exp()  # (K, B, T)
    return chosen.std(0, correction=0)


def compute_step_score(told: StepInputs, key: str) -> Tensor:
    """The step score of that key, (B, T); with foils, how far it is above that of the foils."""
    own = STEPS[key].run(told)
    return own if told.foils is None else own - STEPS[key].run(replace(told, ids=told.foils))


def find_available(told: StepInputs) -> list[StepScore]:
    """The step scores whose needs are met, in their order."""
    return [step for step in STEPS.values() if all(getattr(told, need) is not None for need in step.needs)]


def _bits(told: StepInputs, other: Tensor) -> Tensor:
    there = log_probability(StepInputs(other[None], told.ids))  # (1, T)
    return (log_probability(told) - there) / math.log(2)


def _needed(tensor: Tensor | None) -> Tensor:
    if tensor is None:
        raise ValueError("a step score was asked for whose needs are not met")
    return torch.as_tensor(tensor)
