"""Models that belong to a caller: in training but for some parts, and what must be as it was after every verb."""

import copy

import torch

from tests.support.tiny import tiny

HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks", "_forward_hooks_with_kwargs")


class Left(BaseException):
    """Raised when the user leaves, as Streamlit does."""


def make_trainable(kind, attention="sdpa", **options):
    """Make a model in training mode, but for its head, with one frozen weight, a gradient and a hook of its owner."""
    original, reader = tiny(kind, **options)
    model = copy.deepcopy(original).requires_grad_(True).train()
    model.set_attn_implementation(attention)
    *_, head = model.children()
    head.eval()
    first, *_, last = model.parameters()
    first.requires_grad_(False)
    last.grad = torch.ones_like(last)
    head.register_forward_hook(lambda *_: None)
    return model, reader


def read_state(model):
    """Read what belongs to the owner of a model."""
    flags = [
        (name, sorted(module.__dict__), module.training, *(list(getattr(module, hooks)) for hooks in HOOKS))
        for name, module in model.named_modules()
    ]
    parts = [(name, id(module), type(module)) for name, module in model.named_modules()]
    weights = [
        (name, id(weight), weight.requires_grad, weight.tolist(), None if weight.grad is None else weight.grad.tolist())
        for name, weight in (*model.named_parameters(), *model.named_buffers())
    ]
    plain = [
        (name, key, copy.deepcopy(value))
        for name, module in model.named_modules()
        for key, value in vars(module).items()
        if isinstance(value, bool | int | float | str | list | tuple | None)
    ]
    generation = model.generation_config.to_dict() if model.can_generate() else {}
    return flags, parts, weights, plain, model.config.to_dict(), model.config._attn_implementation, generation
