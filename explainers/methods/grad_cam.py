"""Grad-CAM with Captum's LayerGradCam, on the last convolutional map of an image model."""

import torch
from captum.attr import LayerAttribution, LayerGradCam

from ..errors import Incompatible
from ..problem import Attribution, Problem
from ..registry import method


@method("Grad-CAM", paper="Selvaraju et al. 2017, arXiv:1610.02391", needs=("conv",))
def grad_cam(problem: Problem) -> Attribution:
    """Highlight the regions of an image where the model finds signs of the label; signs against it are left out.

    ReLU of the last convolutional map's channels, each weighted by its mean gradient, enlarged to the image:
    (T, F), in the score's unit per cell of the map, equal in all channels of a pixel.
    """
    if problem.internals.conv is None or problem.layout.grid is None:
        raise Incompatible("Grad-CAM needs a convolutional map, which this model does not have.")
    targets = len(problem.targets)
    problem.run.expect(targets)
    captum = LayerGradCam(problem.score, problem.internals.conv)
    x = problem.x.detach().requires_grad_()
    maps = [captum.attribute(x, target=target, relu_attributions=True) for target in range(targets)]
    problem.run.spend(targets, targets)
    heatmaps = LayerAttribution.interpolate(torch.cat(maps), problem.layout.grid, "bilinear")  # (T, 1, rows, columns)
    return Attribution(problem.spread_over_channels(heatmaps[:, 0]))
