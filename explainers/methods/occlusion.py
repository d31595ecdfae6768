"""Occlusion by Captum's FeatureAblation: the fall of the score when a part becomes its baseline. Needs no gradient."""

import torch
from captum.attr import FeatureAblation

from ..problem import Attribution, Problem
from ..registry import method
from .captum_adapter import GroupForward
from .feature_groups import group_features
from .options import PatchSide, TextLevel


@method("Occlusion", paper="Zeiler & Fergus 2014, arXiv:1311.2901", needs=("baseline",))
def occlusion(problem: Problem, *, level: TextLevel = "word", patch: PatchSide = 28) -> Attribution:
    """Measure how far the score falls when one part becomes its baseline.

    (T, F), in the score's unit: the features of a word or of a square share its fall equally, so that it is their sum.
    """
    groups = group_features(problem, level, patch)  # (F,)
    forward = GroupForward(problem, groups, known={})
    problem.run.expect(1 + forward.count)
    # Captum evaluates the whole input alone. Evaluated with the first ablations, it costs no batch of its own.
    ahead = min(problem.batching.size - 1, forward.count)
    forward(torch.cat([forward.present, 1 - torch.eye(ahead, forward.count)]))
    return forward.share(
        FeatureAblation(forward).attribute(forward.present, perturbations_per_eval=problem.batching.size)
    )
