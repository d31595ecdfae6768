"""Integrated gradients with Captum's LayerIntegratedGradients: the reference for the other path methods."""

import warnings
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
    steps: Annotated[int, Range(1, 100_000), "Number of points between the baseline and the input."] = 50,
) -> Attribution:
    """Change the text in a fixed number of steps from blank to real, and add up what each token contributes on the way.

    Gradients at the embedding layer, integrated with Captum's default rule: (T, F), in the score's unit.
    """
    layer = problem.internals.layer
    if layer is None or layer.baseline_ids is None:
        raise Incompatible("Captum's layer method needs a baseline of tokens. Choose pad, mask, unk or a text.")
    problem.run.expect(steps * len(problem.targets))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Multiple layers", UserWarning)  # none of them depends on another
        attribution = LayerIntegratedGradients(layer.score, layer.modules)
    rows = []
    for t in range(len(problem.targets)):
        maps = attribution.attribute(
            layer.ids, layer.baseline_ids, target=t, n_steps=steps, internal_batch_size=problem.batching.size
        )  # (1, N, D) of each module
        rows.append(layer.gather([one.sum(-1) for one in maps]))  # (F,)
    problem.run.backward += steps * len(rows)
    return Attribution(torch.stack(rows))
