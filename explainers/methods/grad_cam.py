"""Grad-CAM by Captum's LayerGradCam, on the last convolutional map of an image model."""

import torch
from captum.attr import LayerAttribution, LayerGradCam

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
    targets = len(problem.targets)
    problem.run.expect(targets)
    captum = LayerGradCam(problem.score, problem.internals.conv)
    x = problem.x.detach().requires_grad_()
    maps = [captum.attribute(x, target=target, relu_attributions=True) for target in range(targets)]
    problem.run.spend(targets, targets)
    wide = LayerAttribution.interpolate(torch.cat(maps), problem.layout.grid, "bilinear")  # (T, 1, rows, columns)
    return Attribution(problem.painted(wide[:, 0]))
