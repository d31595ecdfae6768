"""Find the modules of a model that apply a function to each number by itself, or take a maximum of several."""

from torch import nn
from transformers.activations import ACT2CLS

ELEMENTWISE: tuple[type[nn.Module], ...] = (
    nn.CELU,
    nn.ELU,
    nn.GELU,
    nn.Hardsigmoid,
    nn.Hardtanh,
    nn.LogSigmoid,
    nn.SELU,
    nn.Softplus,
    nn.Softsign,
    *{entry[0] if isinstance(entry, tuple) else entry for entry in ACT2CLS.values()},
)
MAXIMA = (nn.MaxPool1d, nn.MaxPool2d)
ROUTED = "expert"  # each text chooses its own experts, so that their activations cannot be compared


def list_activations(model: nn.Module) -> tuple[nn.Module, ...]:
    """List the activation and max-pooling modules of a model, without those of a mixture of experts."""
    return tuple(
        module
        for name, module in model.named_modules()
        if isinstance(module, ELEMENTWISE + MAXIMA) and ROUTED not in name
    )
