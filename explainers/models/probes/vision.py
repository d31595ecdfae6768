"""Find the last convolutional map, the patch grid, the attention and the cost of an image model in one forward pass."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ...errors import Incompatible
from .embeddings import BATCH_FLOPS

HEAD_LAYERS = 3  # layers with weights that may follow the last map: a norm and two projections
SPECIAL_TOKENS = 8  # at most: class, distillation and register tokens beside the patches
MAX_BATCH = 16  # images


@dataclass
class VisionProbe:
    """What one forward pass on `pixels` (1, C, H, W) shows of an image model."""

    pixels: Tensor
    last: torch.nn.Module | None = None  # makes the last map (1, K, h, w)
    size: tuple[int, int] = (0, 0)  # h and w of that map
    patches: tuple[int, int] | None = None  # h and w of the first map
    multiplications: int = 0
    layers_after: int = 0  # layers with weights that ran after `last`
    convolutional: bool = False  # True if a convolution reads more than the pixels, as a patch embedding does

    @property
    def batch(self) -> int:
        """Number of images in one forward pass."""
        return max(1, min(MAX_BATCH, int(BATCH_FLOPS / (6 * max(self.multiplications, 1)))))

    def record(self, module: torch.nn.Module, args: tuple[Any, ...], output: Any) -> None:
        """Record one call of a module."""
        if not isinstance(output, Tensor):
            return
        weight = getattr(module, "weight", None)
        if isinstance(weight, Tensor):
            self.layers_after += 1
            self.multiplications += weight.numel() * output.numel() // max(len(weight), 1) if weight.dim() > 1 else 0
        self.convolutional |= isinstance(module, torch.nn.Conv2d) and not args[0].cpu().equal(self.pixels)
        if output.dim() == 4 and min(output.shape[2:]) > 1:
            self.last, self.layers_after, self.size = module, 0, (output.shape[2], output.shape[3])
            self.patches = self.patches or self.size

    def find_last_map(self, grid: tuple[int, int]) -> torch.nn.Module | None:
        """Find the module that makes the last convolutional map of an image of `grid` (rows, columns).

        None if the model is not convolutional, if more than the head follows, or if the map has another aspect ratio.
        """
        (height, width), (rows, columns) = self.size, grid
        same_aspect = abs(height * columns - width * rows) <= max(grid)
        return self.last if self.convolutional and self.layers_after <= HEAD_LAYERS and same_aspect else None


def watch(model: torch.nn.Module, pixels: Tensor, run: Callable[[], Any]) -> tuple[Any, VisionProbe]:
    """Return what `run` returns without gradients, and the probe of that forward pass on `pixels` (1, C, H, W)."""
    probe = VisionProbe(pixels)
    handles = [module.register_forward_hook(probe.record) for module in model.modules()]
    try:
        with torch.no_grad():
            return run(), probe
    finally:
        for handle in handles:
            handle.remove()


def compute_attentions(model: Any, label: str, inputs: dict[str, Tensor], patches: tuple[int, int]) -> Tensor:
    """Compute the attention weights (L, heads, N, N); N counts the patches and at most SPECIAL_TOKENS before them."""
    if model.config._attn_implementation != "eager":
        raise Incompatible(
            f"{label} was loaded with {model.config._attn_implementation} attention, which does not return its "
            "weights. Load it with attn_implementation='eager'."
        )
    with torch.no_grad():
        layers = model(**inputs, output_attentions=True).attentions or ()
    shapes = {tuple(layer.shape) for layer in layers}
    count = patches[0] * patches[1]
    if len(shapes) != 1 or not all(n[0] == 1 and n[2] == n[3] and 0 <= n[2] - count <= SPECIAL_TOKENS for n in shapes):
        raise Incompatible(
            f"Attention rollout needs attention between all patches, which {label} does not have. "
            "Choose another method."
        )
    return torch.cat(list(layers)).cpu()
