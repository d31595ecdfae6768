"""Requests about generated text: with a given output, or with one that the model generates."""

from dataclasses import replace

from ..request import Request, Target
from ..results.explanation import Prediction
from ..tasks import TASKS

# Settings of what is explained, not of how text is generated.
EXPLAINED = {"unit", "start", "end", "alignment", "foil_ids"}


def get_output_field(request: Request) -> str:
    """Return the name of the input that forces the output: the continuation or the target."""
    return TASKS[request.task].fields[1].name


def force_output(request: Request, prediction: Prediction) -> Request:
    """Return the request with this output, by the ids of its tokens: read from its text, they may be others."""
    field, ids = get_output_field(request), ",".join(str(target.index) for target in prediction.targets)
    inputs = dict(request.inputs) | {field: request.texts.get(field) or prediction.text}
    return replace(request, inputs=inputs, params=request.options | {"token_ids": ids})


def keep_decoding_params(request: Request) -> Request:
    """Return the request without the settings of its method and of what is explained."""
    names = {param.name for param in TASKS[request.task].params} - EXPLAINED
    return replace(request, params={name: text for name, text in request.options.items() if name in names})


def release_output(request: Request) -> Request:
    """Return the request without a given output."""
    inputs = {name: text for name, text in dict(request.inputs).items() if name != get_output_field(request)}
    params = {name: text for name, text in request.options.items() if name != "token_ids"}
    return replace(request, inputs=inputs, params=params)


def free_output(request: Request) -> Request:
    """Return the request for the output that the model generates by itself."""
    return replace(release_output(keep_decoding_params(request)), target=Target())
