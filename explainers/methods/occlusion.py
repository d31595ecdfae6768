"""Occlusion with Captum's FeatureAblation: the fall of the score when a feature group is set to the baseline."""

import torch
from captum.attr import FeatureAblation

from ..problem import Attribution, Problem
from ..registry import method
from .captum_adapter import GroupForward
from .feature_groups import group_features
from .options import PatchSide, TextLevel


@method("Occlusion", paper="Zeiler & Fergus 2014, arXiv:1311.2901", needs=("baseline",))
def occlusion(problem: Problem, *, level: TextLevel = "word", patch: PatchSide = 28) -> Attribution:
    """Hide one word or square at a time, and measure how far the model's score falls.

    F(x) - F(x with one group at the baseline): (T, F), in the score's unit; features of a group share its fall equally.
    """
    groups = group_features(problem, level, patch)  # (F,)
    forward = GroupForward(problem, groups, cache={})
    problem.run.expect(1 + forward.count)
    # Captum evaluates the unperturbed input in its own batch. Cached here with the first ablations, it costs no batch.
    ahead = min(problem.batching.size - 1, forward.count)
    forward(torch.cat([forward.present, 1 - torch.eye(ahead, forward.count)]))
    falls = FeatureAblation(forward).attribute(forward.present, perturbations_per_eval=problem.batching.size)  # (T, P)
    return forward.make_attribution(falls)
