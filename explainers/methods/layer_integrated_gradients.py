"""Captum's layer integrated gradients with a fixed number of steps: the reference for the other path methods."""

from typing import Annotated

import torch
from captum.attr import LayerIntegratedGradients

from ..errors import Incompatible
from ..problem import Attribution, Problem
from ..registry import Range, method


@method(
    "Layer integrated gradients (Captum)",
    paper="Sundararajan et al. 2017, arXiv:1703.01365",
    needs=("gradients", "baseline", "layer"),
    additive=True,
)
def layer_integrated_gradients(
    problem: Problem,
    *,
    steps: Annotated[int, Range(2, 2_000), "Points on the path from the baseline to the input."] = 50,
) -> Attribution:
    """Integrate the gradient from the baseline to the input with Captum's default rule. (T, F), in the score's unit."""
    layer = problem.internals.layer
    if layer is None or layer.baseline_ids is None:
        raise Incompatible("Captum's layer method needs a baseline made of tokens: pad, mask, unk or a text.")
    problem.run.expect(steps * len(problem.targets))
    attribution = LayerIntegratedGradients(layer.score, layer.module)
    rows = [
        attribution.attribute(
            layer.ids, layer.baseline_ids, target=t, n_steps=steps, internal_batch_size=problem.batching.size
        ).sum(-1)[0]  # (F,)
        for t in range(len(problem.targets))
    ]
    problem.run.backward += steps * len(rows)
    return Attribution(torch.stack(rows))
