"""What the tests of image models share: tiny models, a photograph, and checks of what must not change."""

from copy import deepcopy
from functools import cache

import torch
from torch import nn

from explainers import Bundle, Request
from explainers.inputs.images import PHOTOGRAPHS, decode
from tests.support.tiny import tiny

PHOTO = decode(PHOTOGRAPHS[0].picture)


CONVOLUTIONAL = ("convnext", "resnet")


ATTENDING = ("vit", "deit", "beit")


CLOSE = 1e-6


@cache
def make_image_model(kind: str, attention: str = "eager") -> tuple[nn.Module, object]:
    """Return a tiny model, and its processor; as in a trained one, its biases, tokens and positions are not all 0.

    With zeros a grey picture is the one point where a layer norm has no slope, and no rule of steps gets past it.
    """
    model, processor = tiny(kind, attn_implementation=attention)
    model = deepcopy(model)
    generator = torch.Generator().manual_seed(9)
    for weight in model.parameters():
        if not weight.any():
            weight.data.normal_(0, 0.2, generator=generator)
    return model, processor


def make_bundle(kind: str) -> Bundle:
    """Return a tiny model with the attention that keeps its weights, as models are loaded here."""
    return Bundle.of(*make_image_model(kind))


def make_request(method: str = "integrated_gradients", image: object = PHOTO, **parts: object) -> Request:
    return Request("image_classification", "tiny", {"image": image}, method=method, **parts)


def read_state(model: nn.Module) -> tuple:
    """Return what a method must not change: hooks, parameters, their gradients, the mode, the config."""
    hooks = [
        (name, len(module._forward_hooks), len(module._forward_pre_hooks), len(module._backward_hooks))
        for name, module in model.named_modules()
    ]
    weights = [(name, p.detach().clone(), p.requires_grad, p.grad) for name, p in model.named_parameters()]
    return hooks, weights, model.training, model.config.to_dict()


def are_equal(before: tuple, after: tuple) -> bool:
    alike = all(
        one[0] == other[0] and torch.equal(one[1], other[1]) and one[2:] == other[2:]
        for one, other in zip(before[1], after[1], strict=True)
    )
    return alike and before[0] == after[0] and before[2:] == after[2:]


class Stopped(Exception):
    """Raised by a progress call, as Streamlit raises to stop a run."""
