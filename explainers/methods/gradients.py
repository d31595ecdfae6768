"""Methods that use the gradient at the input: saliency and input × gradient.

Our own, not Captum's Saliency and InputXGradient, which take one target per call: three targets cost 3 forward passes
instead of 1 and 1.5 to 1.7 times the time (20 tokens; `python -m bench.captum`).
"""

import torch

from ..problem import Attribution, Problem
from ..registry import method
from .options import NO_PRODUCT, Norm, reduce_gradients, sum_with_length, warn_if_cancelled


@method("Saliency", paper="Simonyan et al. 2013, arXiv:1312.6034", needs=("gradients",))
def saliency(problem: Problem, *, norm: Norm = "L2") -> Attribution:
    """Measure how much a tiny change of each token or pixel would change the model's score.

    L2 norm of the gradient, or its signed sum, over the embedding width: (T, F), score per unit of embedding.
    """
    _, gradients = problem.gradients(  # reduced per target: unreduced, those of hundreds of generated tokens do not fit
        problem.x,
        lambda gradient: torch.stack([reduce_gradients(gradient, norm), reduce_gradients(gradient, "L2")], dim=-1),
    )  # (1, T, F, 2)
    warn_if_cancelled(problem.run, gradients[..., 0], gradients[..., 1])
    return Attribution(gradients[0, ..., 0], signed=norm == "signed")


@method("Input × gradient", paper="Shrikumar et al. 2016, arXiv:1605.01713", needs=("gradients",))
def input_x_gradient(problem: Problem) -> Attribution:
    """Estimate what each token or pixel adds to the score, as if the model simply added up its inputs.

    Gradient × embedding, summed over the embedding width: (T, F), in the score's unit.
    """
    _, products = problem.gradients(problem.x, lambda gradient: sum_with_length(gradient * problem.x))  # (1, T, F, 2)
    warn_if_cancelled(problem.run, products[..., 0], products[..., 1], NO_PRODUCT)
    return Attribution(products[0, ..., 0])
