"""Find the last convolutional map, the patch grid, the attention and the cost of an image model in one forward pass."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ...errors import ExplainerError, Incompatible
from .attention import run_with_attentions
from .embeddings import BATCH_FLOPS

PIXELS = "pixel_values"
HEAD_LAYERS = 3  # layers with weights that may follow the last map: a norm and two projections
NO_MAP = "It has no convolutional map of the image just before its head."
NO_ATTENTION = "It has no attention layers, or does not return their weights."
POOLS = (torch.nn.AdaptiveAvgPool2d, torch.nn.AdaptiveMaxPool2d)
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
        self.convolutional |= isinstance(module, torch.nn.Conv2d) and not (args and args[0].cpu().equal(self.pixels))
        if output.dim() == 4 and min(output.shape[2:]) > 1 and not isinstance(module, POOLS):  # TextNet has a spare one
            self.last, self.layers_after, self.size = module, 0, (output.shape[2], output.shape[3])
            self.patches = self.patches or self.size

    def find_last_map(self, grid: tuple[int, int]) -> torch.nn.Module | None:
        """Find the module that makes the last convolutional map of an image of `grid` (rows, columns).

        None if the model is not convolutional, if more than the head follows, or if the map has another aspect ratio.
        """
        (height, width), (rows, columns) = self.size, grid
        same_aspect = abs(height * columns - width * rows) <= max(grid)
        return self.last if self.convolutional and self.layers_after <= HEAD_LAYERS and same_aspect else None


def read_mode(model: Any, label: str) -> str:
    """Return the mode of the PIL images that a model reads: RGB, or L for one channel. Incompatible for other numbers.

    transformers' pipeline makes RGB of every image, which a model of one channel refuses.
    """
    configs = (model.config, getattr(model.config, "vision_config", None))
    channels = next((n for config in configs if (n := getattr(config, "num_channels", None)) is not None), 3)
    if channels not in (1, 3):
        raise Incompatible(f"{label} reads images of {channels} channels, and only those of 1 or 3 can be explained.")
    return "L" if channels == 1 else "RGB"


def read_dtype(model: torch.nn.Module) -> torch.dtype:
    """Return the type of a model's weights, which its pixels must have."""
    return next((weight.dtype for weight in model.parameters() if weight.is_floating_point()), torch.float32)


def process_image(
    processor: Any, image: Image.Image, label: str, dtype: torch.dtype = torch.float32
) -> dict[str, Tensor]:
    """Return the model's inputs for an image, with its pixels (1, C, H, W) in the type of the model's weights.

    Raises Incompatible for a processor that fails, or makes anything but one image of pixels.
    """
    try:
        inputs = dict(processor(images=image, return_tensors="pt"))
    except (ExplainerError, MemoryError):
        raise
    except Exception as error:  # a processor is foreign code, with settings that its files give
        logging.getLogger(__name__).warning("The image processor of %s failed", label, exc_info=error)
        raise Incompatible(
            f"The image processor of {label} cannot read an image of mode {image.mode} ({type(error).__name__}: "
            f"{str(error)[:200]}). Choose the processor that the model was trained with."
        ) from None
    pixels = inputs.get(PIXELS)
    if not isinstance(pixels, Tensor) or pixels.dim() != 4 or len(pixels) != 1:
        raise Incompatible(f"The image processor of {label} does not make one image of pixels from one picture.")
    return inputs | {PIXELS: pixels.to(dtype)}


def process_sample(model: Any, processor: Any, label: str) -> Tensor:
    """Return the pixels (1, C, H, W) of a small image of noise. Raises Incompatible as `process_image` does."""
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    sample = Image.fromarray(noise).convert(read_mode(model, label))
    return process_image(processor, sample, label, read_dtype(model))[PIXELS]


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
    layers = run_with_attentions(model, partial(model, **inputs))
    shapes = {tuple(layer.shape) for layer in layers}
    count = patches[0] * patches[1]
    if len(shapes) != 1 or not all(n[0] == 1 and n[2] == n[3] and 0 <= n[2] - count <= SPECIAL_TOKENS for n in shapes):
        raise Incompatible(
            f"Attention rollout needs attention between all patches, which {label} does not have. "
            "Choose another method."
        )
    return torch.cat(list(layers)).cpu()
