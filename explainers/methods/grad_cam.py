"""Grad-CAM: the last convolutional map, its channels weighted by what each adds to the score.

Knows no task and no model: a Problem gives the map and its gradients.
"""

import torch

from ..errors import Incompatible
from ..problem import Attribution, Problem
from ..registry import method


@method("Grad-CAM", paper="Selvaraju et al. 2017, arXiv:1610.02391", needs=("conv",))
def grad_cam(problem: Problem) -> Attribution:
    """Where the last convolutional map holds what speaks for the target; what speaks against it is left out.

    (T, F), in the score's unit per map cell, equal in all channels of a pixel.
    """
    if problem.internals.conv is None or problem.layout.grid is None:
        raise Incompatible("Grad-CAM needs a convolutional map, which this model does not have.")
    activations, gradients = problem.internals.conv()  # (1, K, h, w), (T, K, h, w)
    problem.run.spend(1, len(gradients))
    weights = gradients.mean((2, 3), keepdim=True)  # (T, K, 1, 1)
    maps = (weights * activations).sum(1, keepdim=True).relu()  # (T, 1, h, w)
    wide = torch.nn.functional.interpolate(maps, size=problem.layout.grid, mode="bilinear", align_corners=False)
    return Attribution(problem.painted(wide[:, 0]))
