"""What ran inside an image model: its last convolutional map, its grid of patches, its attention, its work.

Found by watching one plain forward pass under the model's lock; knows no processor, no task and no method.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .anatomy import BATCH_FLOPS
from .errors import Incompatible
from .loading import Bundle

HEAD = 3  # layers with weights that may lie between the last map and the logits: a norm and two projections
SPECIAL = 8  # tokens at most that are no patches: class, distillation, registers
MOST = 16  # pictures in a batch


@dataclass
class Eyes:
    """The module that makes the last map (1, K, h, w), its h and w, those of the first map, and all multiplications.

    `since` counts the layers with weights that ran after the last map.
    """

    last: torch.nn.Module | None = None
    size: tuple[int, int] = (0, 0)
    patches: tuple[int, int] | None = None
    work: int = 0
    since: int = 0

    @property
    def batch(self) -> int:
        """How many pictures are evaluated at once."""
        return max(1, min(MOST, int(BATCH_FLOPS / (6 * max(self.work, 1)))))

    def note(self, module: torch.nn.Module, output: Any) -> None:
        """Remember what a module has done."""
        if not isinstance(output, Tensor):
            return
        weight = getattr(module, "weight", None)
        if isinstance(weight, Tensor):
            self.since += 1
            self.work += weight.numel() * output.numel() // max(len(weight), 1) if weight.dim() > 1 else 0
        if output.dim() == 4 and min(output.shape[2:]) > 1:
            self.last, self.since, self.size = module, 0, (output.shape[2], output.shape[3])
            self.patches = self.patches or self.size

    def last_map(self, grid: tuple[int, int]) -> torch.nn.Module | None:
        """Return the module that makes the last map, if little but the head comes after it.

        None for the first layer of a transformer, and for what has another shape than the picture.
        """
        (high, wide), (rows, columns) = self.size, grid
        near = self.since <= HEAD and abs(high * columns - wide * rows) <= max(grid)
        return self.last if near else None

    def attention(self, bundle: Bundle, inputs: dict[str, Tensor]) -> Callable[[], Tensor] | None:
        """What gives the attention weights, if the model has any."""
        patches = self.patches
        if patches is None or getattr(bundle.model.config, "num_attention_heads", None) is None:
            return None
        return lambda: attentions(bundle, inputs, patches)


def watched(model: torch.nn.Module, run: Callable[[], Any]) -> tuple[Any, Eyes]:
    """What `run` returns without gradients, and what ran meanwhile."""
    eyes = Eyes()
    handles = [
        module.register_forward_hook(lambda module, _, output: eyes.note(module, output)) for module in model.modules()
    ]
    try:
        with torch.no_grad():
            return run(), eyes
    finally:
        for handle in handles:
            handle.remove()


def attentions(bundle: Bundle, inputs: dict[str, Tensor], patches: tuple[int, int]) -> Tensor:
    """The attention weights of every layer, (L, heads, N, N), N counting the patches and a few tokens before them."""
    model, label = bundle.model, bundle.card.label
    if model.config._attn_implementation != "eager":
        raise Incompatible(
            f"{label} was loaded with attention that keeps no weights. Load it with attn_implementation='eager'."
        )
    with torch.no_grad():
        layers = model(**inputs, output_attentions=True).attentions or ()
    shapes = {tuple(layer.shape) for layer in layers}
    count = patches[0] * patches[1]
    if len(shapes) != 1 or not all(n[0] == 1 and n[2] == n[3] and 0 <= n[2] - count <= SPECIAL for n in shapes):
        raise Incompatible(
            f"{label} does not let every patch attend to every other: its attention cannot be rolled out."
        )
    return torch.cat(list(layers))
