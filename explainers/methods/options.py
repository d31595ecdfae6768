"""Settings that several methods share, and what they mean.

Knows no task, no model and no Problem.
"""

from typing import Annotated, Literal

from torch import Tensor

from ..progress import Run
from ..registry import Only, Range
from .feature_groups import Level

ROUNDING = 1e-3  # of a length: a sum that is smaller is rounding, for of random signs it would be as large

Norm = Annotated[
    Literal["L2", "signed"],
    "Take the gradient's length, or sum it over the embedding's width, signs kept. Where a layer norm reads the "
    "embeddings that sum is 0.",
]
TextLevel = Annotated[Level, Only("text"), "What is taken away of a text at once."]
PatchSide = Annotated[
    int, Range(1, 512), Only("image"), "Side of the square that is taken away of an image, in model pixels."
]


def reduce_gradients(gradients: Tensor, norm: str) -> Tensor:
    """Gradients (T, F, D) as scores (T, F)."""
    return gradients.norm(dim=-1) if norm == "L2" else gradients.sum(-1)


def warn_if_cancelled(run: Run, sums: Tensor, sizes: Tensor) -> None:
    """Say so if sums over the embeddings' width are nothing but rounding beside the lengths of what was summed."""
    if float(sums.abs().sum()) < ROUNDING * float(sizes.sum()):
        run.notices.append(
            "The model normalises its embeddings, so a gradient's sum over their width is 0: this map shows nothing "
            "but rounding. Take a method that multiplies by the embedding, or the gradient's length."
        )
