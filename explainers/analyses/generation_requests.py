"""Requests about generated text: with a given output, or with one that the model generates."""

from dataclasses import replace

from ..request import Request, Target
from ..tasks import TASKS

EXPLAINED = {"unit", "start", "end", "alignment"}  # settings of what is explained, not of how text is generated


def get_output_field(request: Request) -> str:
    """Return the name of the input that forces the output: the continuation or the target."""
    return TASKS[request.task].fields[1].name


def force_output(request: Request, text: str) -> Request:
    """Return the request with this output."""
    return replace(request, inputs=dict(request.inputs) | {get_output_field(request): text})


def keep_decoding_params(request: Request) -> Request:
    """Return the request without the settings of its method and of what is explained."""
    names = {param.name for param in TASKS[request.task].params} - EXPLAINED
    return replace(request, params={name: text for name, text in request.options.items() if name in names})


def free_output(request: Request) -> Request:
    """Return the request for the output that the model generates by itself."""
    inputs = {name: text for name, text in request.texts.items() if name != get_output_field(request)}
    return replace(keep_decoding_params(request), inputs=inputs, target=Target())
