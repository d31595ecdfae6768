"""Parameters that several methods share, with the functions that apply them."""

from typing import Annotated, Literal

import torch
from torch import Tensor

from ..progress import Run
from ..registry import Only, Range
from .feature_groups import Level

ROUNDING = 1e-3  # sum over length below which a sum is rounding error; summands of random sign give about 1

NO_SUM = (
    "The model normalizes its embeddings, so the sum of a gradient over the embedding width is 0: these scores "
    "are nothing but rounding errors. Choose a method that multiplies by the embedding, or the norm L2."
)
NO_PRODUCT = (
    "The model normalizes each embedding as soon as it reads it, so its length has no effect and gradient × embedding "
    "is next to 0: these scores are nothing but rounding and the norm's epsilon, and their order says nothing. Choose "
    "another method, such as integrated gradients, occlusion or saliency."
)

Norm = Annotated[
    Literal["L2", "signed"],
    "L2: length of the gradient. signed: its sum over the embedding width, which is 0 for models that normalize their "
    "embeddings.",
]
TextLevel = Annotated[Level, Only("text"), "Unit of text that is hidden at once."]
PatchSide = Annotated[
    int, Range(1, 512), Only("image"), "Side of the square that is hidden at once, in pixels of the model's input."
]


def reduce_gradients(gradients: Tensor, norm: str) -> Tensor:
    """Reduce gradients (T, F, D) to scores (T, F)."""
    return gradients.norm(dim=-1) if norm == "L2" else gradients.sum(-1)


def sum_with_length(products: Tensor) -> Tensor:
    """Return the sum and the length over D of products (B, F, D), (B, F, 2)."""
    return torch.stack([products.sum(-1), products.norm(dim=-1)], dim=-1)


def warn_if_cancelled(run: Run, sums: Tensor, sizes: Tensor, notice: str = NO_SUM) -> None:
    """Add a notice if sums over the embedding width are rounding errors, compared with the lengths `sizes`."""
    if float(sums.abs().sum()) < ROUNDING * float(sizes.sum()):
        run.notices.append(notice)
