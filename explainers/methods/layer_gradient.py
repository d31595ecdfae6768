"""Layer gradient × activation: how the states after a layer push the score, to first order.

Knows no task and no model: a Problem gives states and gradients.
"""

from typing import Annotated

from ..errors import Incompatible
from ..problem import Attribution, Problem
from ..registry import Range, method


@method("Layer gradient × activation", paper="Shrikumar et al. 2016, arXiv:1605.01713", needs=("hidden",))
def layer_gradient_x_activation(
    problem: Problem,
    *,
    layer: Annotated[
        int, Range(0, 200), "The layer, counted from 1; 0 is what goes into the first: words with their positions."
    ] = 1,
) -> Attribution:
    """Gradient times state at each token after a layer: its share if the rest of the model were linear.

    (T, F), in the score's unit. After a layer a token's state holds something of the other tokens too.
    """
    if problem.internals.hidden is None:
        raise Incompatible("Layer gradient × activation needs the states of a text, which this model does not give.")
    states, gradients = problem.internals.hidden(layer)  # (1, F, H), (T, F, H)
    problem.run.spend(1, len(gradients))
    return Attribution((gradients * states).sum(-1))
