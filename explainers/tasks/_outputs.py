"""Read the logits of a model's output, and refuse those that are no numbers or of another task's head."""

from typing import Any

from torch import Tensor

from ..errors import Incompatible
from ..models.loading import Bundle


def read_class_logits(bundle: Bundle, output: Any) -> Tensor:
    """Return the logits (B, C) of a classifier of whole inputs. Raises Incompatible if the output has none."""
    logits = getattr(output, "logits", None)
    if not isinstance(logits, Tensor) or logits.dim() != 2:
        name = type(bundle.model).__name__
        found = f"logits of shape {tuple(logits.shape)}" if isinstance(logits, Tensor) else _name_fields(output)
        raise Incompatible(
            f"{name} was made for another task: it returns {found}, and this one needs logits of shape (1, labels). "
            "Load the model with the class of this task."
        )
    return check_numbers(bundle, logits)


def check_numbers(bundle: Bundle, logits: Tensor) -> Tensor:
    """Return logits (…, C) unchanged. Raises Incompatible if a softmax over C is not defined; some may be -inf."""
    if bool(logits.logsumexp(-1).isfinite().all()):
        return logits
    kind = "NaN (not a number)" if bool(logits.isnan().any()) else "infinite numbers"
    weights = (*bundle.model.named_parameters(), *bundle.model.named_buffers())
    broken = next((name for name, weight in weights if weight.is_floating_point() and not weight.isfinite().all()), "")
    why = (
        f"Its weights {broken} contain NaN or infinity, so the file or the training is broken."
        if broken
        else "Its weights are finite, so a computation overflows: load it with dtype=torch.float32."
    )
    raise Incompatible(f"{bundle.card.label} outputs {kind} for this input. {why}")


def _name_fields(output: Any) -> str:
    names = list(output) if isinstance(output, dict) else []
    return f"{', '.join(names[:5])} but no logits" if names else f"a {type(output).__name__} without logits"
