"""DeepLIFT and layer DeepLIFT: gradients by the Rescale rule times the difference from the baseline."""

from typing import Annotated

from torch import Tensor

from ..errors import Incompatible
from ..problem import Attribution, Problem
from ..registry import Range, method
from .rescale_rule import apply_rescale_rule

LARGE_DELTA = 0.05  # share of the explained change from which a notice explains the convergence delta
PLAIN_GRADIENT = (
    "DeepLIFT follows the change of the model's activation functions and max pooling. Through attention, "
    "normalization, products and the softmax of a probability it uses the gradient at the input, so the scores do not "
    "sum to the change of the score. Compare with integrated gradients, whose scores do, or explain the logit."
)


@method("DeepLIFT", paper="Shrikumar et al. 2017, arXiv:1704.02685", needs=("gradients", "baseline"), additive=True)
def deep_lift(problem: Problem) -> Attribution:
    """Compare each activation inside the model with its value for a blank input, and trace the difference back.

    Multiplier × (x - x'), summed over the embedding width: (T, F), in the score's unit. The multipliers are those of
    the Rescale rule for activation functions and max pooling, and gradients everywhere else: the sum is F(x) - F(x')
    only for models whose other parts are linear.
    """
    _check_activations(problem)
    baselines: list[Tensor] = []
    with apply_rescale_rule(
        problem.internals.activations, lambda: baselines.append(problem.values(problem.baseline)[0])
    ):
        change = problem.x - problem.baseline
        values, products = problem.gradients(problem.x, lambda gradient: (gradient * change).sum(-1))
    return _make_attribution(problem, products[0], values[0] - baselines[0])


@method(
    "Layer DeepLIFT",
    paper="Shrikumar et al. 2017, arXiv:1704.02685",
    needs=("gradients", "baseline", "hidden"),
    additive=True,
)
def layer_deep_lift(
    problem: Problem,
    *,
    layer: Annotated[
        int, Range(0, 200), "Layer, counted from 1; 0: the input of the first layer, embeddings with positions."
    ] = 1,
) -> Attribution:
    """Compare the model's inner state of each token after a chosen layer with that for a blank text.

    Multiplier × (state - state for x'), summed over the hidden width: (T, F), in the score's unit. The multipliers of
    the layers behind are those of DeepLIFT. After a layer, the state of a token also depends on the other tokens.
    """
    _check_activations(problem)
    hidden = problem.internals.hidden
    if hidden is None:
        raise Incompatible("Layer DeepLIFT needs hidden states of a text, which this model lacks.")
    problem.run.expect(3)
    blank: list[Tensor] = []
    with apply_rescale_rule(problem.internals.activations, lambda: blank.append(hidden(layer, problem.baseline)[0])):
        states, multipliers = hidden(layer)  # (1, F, H), (T, F, H)
    problem.run.spend(2, len(multipliers))
    change = problem.deployed - problem.values(problem.baseline)[0]
    return _make_attribution(problem, (multipliers * (states - blank[0])).sum(-1), change)


def _check_activations(problem: Problem) -> None:
    """Raise Incompatible for a model in which the rule would apply to nothing."""
    if not problem.internals.activations:
        raise Incompatible(
            "DeepLIFT replaces the gradients of activation functions, and this model has none as modules of its own. "
            "Choose integrated gradients, or input × gradient."
        )


def _make_attribution(problem: Problem, scores: Tensor, change: Tensor) -> Attribution:
    """Return the scores (T, F), with a notice if their sums are far from the change of the score (T,)."""
    delta = (scores.sum(-1).cpu() - change.cpu()).abs()
    if bool((delta > LARGE_DELTA * change.cpu().abs()).any()):
        problem.run.notices.append(PLAIN_GRADIENT)
    return Attribution(scores)
