"""Take the transformers model, and its tokenizer or image processor, out of what a caller hands over.

Wrappers of training and compilation, and pipelines, contain the model; anything else is refused by its true name.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn.parallel import DataParallel, DistributedDataParallel
from transformers import PreTrainedConfig, PreTrainedTokenizerBase, ProcessorMixin
from transformers.image_processing_base import ImageProcessingMixin
from transformers.utils import ModelOutput

from ..errors import BadRequest, Incompatible
from .devices import SCORES
from .probes.embeddings import HALVES, widen

ORDER = "Give the model first, then its tokenizer or image processor."
LOAD = "Load it first, with transformers' from_pretrained."


def unwrap(model: Any, reader: Any) -> tuple[Any, Any]:
    """Return the transformers model, and its tokenizer or image processor, that a caller handed over.

    Raises BadRequest for an object of another kind, and Incompatible for a model that cannot run.
    """
    if isinstance(model, transformers.Pipeline):
        reader = reader or model.tokenizer or model.image_processor
        model = model.model
    if _is_reader(model):
        raise BadRequest(f"The model is a {type(model).__name__}. {ORDER}")
    model = _unwrap_model(model)
    return model, _unwrap_reader(reader, model)


def _unwrap_model(model: Any) -> Any:
    while isinstance(model, torch.nn.Module):
        if isinstance(model, DataParallel | DistributedDataParallel):
            model = model.module
        elif isinstance(inner := model._modules.get("_orig_mod"), torch.nn.Module):  # of torch.compile
            model = inner
        else:
            break
    name = _name(model)
    if not isinstance(model, torch.nn.Module):
        raise BadRequest(f"The model is {name}, not a loaded model. {LOAD}")
    if not isinstance(config := getattr(model, "config", None), PreTrainedConfig):
        has = "no config" if config is None else f"a config of type {type(config).__name__}"
        raise BadRequest(
            f"{name} has {has}, and a transformers config states its labels and inputs. "
            "Give the transformers model that it contains."
        )
    if _is_empty(model):
        raise Incompatible(f"{name} has no weights: it is on the device meta. {LOAD}")
    return model


def _is_empty(model: torch.nn.Module) -> bool:
    """Return whether weights are missing: on meta, with no hook of accelerate that loads them when they are needed."""
    empty = any(weight.is_meta for weight in model.parameters())
    return empty and not any(hasattr(module, "_hf_hook") for module in model.modules())


def _unwrap_reader(reader: Any, model: Any) -> Any:
    if isinstance(reader, transformers.Pipeline):
        reader = reader.tokenizer or reader.image_processor
    if isinstance(reader, ProcessorMixin):
        sees = getattr(model, "main_input_name", "") == "pixel_values"
        reader = getattr(reader, "image_processor" if sees else "tokenizer", reader)
    if _is_reader(reader) and not isinstance(reader, Tokenizer | ProcessorMixin):
        return reader
    name = _name(reader)
    if isinstance(reader, torch.nn.Module):
        raise BadRequest(f"The tokenizer is a model, {name}. {ORDER}")
    if isinstance(reader, Tokenizer):
        raise BadRequest(
            "The tokenizer is one of the library tokenizers, which does not know the model's special tokens. "
            "Wrap it with transformers.PreTrainedTokenizerFast(tokenizer_object=…)."
        )
    raise BadRequest(f"The tokenizer or image processor is {name}, not a loaded one. {LOAD}")


def _is_reader(given: Any) -> bool:
    return isinstance(given, PreTrainedTokenizerBase | ImageProcessingMixin | ProcessorMixin | Tokenizer)


def _name(given: Any) -> str:
    """Name an object in an error: a text or None by its value, a class by its name, anything else by its type."""
    if given is None or isinstance(given, str):
        return repr(given)[:60]
    return f"the class {given.__name__}" if isinstance(given, type) else type(given).__name__


def needs_adapting(model: torch.nn.Module) -> bool:
    """Return whether `adapt_model` would change anything."""
    modules = list(model.modules())
    weights = [weight for module in modules for weight in (*module._parameters.values(), *module._buffers.values())]
    return (
        not isinstance(model, transformers.PreTrainedModel)
        or any(module._compiled_call_impl is not None or "_orig_mod" in module._modules for module in modules)
        or any(weight is not None and (weight.dtype in HALVES or weight.is_inference()) for weight in weights)
        or any(getattr(getattr(module, "config", None), "return_dict", True) is False for module in modules)
    )


@contextmanager
def adapt_model(model: torch.nn.Module) -> Iterator[None]:
    """Make a caller's model run as those that we load, and restore it at the end. Call under the model's lock.

    It returns a ModelOutput with logits of float32 or higher, runs uncompiled so that hooks are called, and has
    weights that allow gradients.
    """
    with ExitStack() as stack:
        if any(module._compiled_call_impl is not None or "_orig_mod" in module._modules for module in model.modules()):
            stack.enter_context(torch.compiler.set_stance("force_eager"))
        if not isinstance(model, transformers.PreTrainedModel):
            stack.callback(model.register_forward_hook(_name_output).remove)
        if any(weight.dtype in HALVES for weight in model.parameters()):
            stack.callback(model.register_forward_hook(_raise_precision).remove)
        _set_return_dict(model, stack)
        _copy_inference_tensors(model, stack)
        yield


def _set_return_dict(model: torch.nn.Module, stack: ExitStack) -> None:
    """Set `return_dict` of its configurations to True: with False many models fail, others return a bare tuple."""
    configs = {id(config): config for module in model.modules() if (config := getattr(module, "config", None))}
    for config in configs.values():
        if getattr(config, "return_dict", True) is False:
            config.return_dict = True
            stack.callback(setattr, config, "return_dict", False)


def _copy_inference_tensors(model: torch.nn.Module, stack: ExitStack) -> None:
    """Replace weights that were made in torch.inference_mode, through which there are no gradients, by copies."""
    copies: dict[int, Tensor] = {}
    tables: list[dict[str, Any]] = [t for m in model.modules() for t in (m._parameters, m._buffers)]
    for table in tables:
        for name, weight in [*table.items()]:
            if weight is not None and weight.is_inference():
                copy = copies.setdefault(id(weight), weight.clone())
                table[name] = torch.nn.Parameter(copy, False) if isinstance(weight, torch.nn.Parameter) else copy
                stack.callback(table.__setitem__, name, weight)


def _raise_precision(_: Any, __: Any, output: Any) -> Any:
    """Convert half-precision logits to float32, in which scores are computed, as pipelines do."""
    for name in SCORES:
        if isinstance(logits := output.get(name), Tensor):
            output[name] = widen(logits)
    return output


def _name_output(model: torch.nn.Module, _: Any, output: Any) -> ModelOutput:
    match output:
        case ModelOutput():
            return output
        case dict():
            return ModelOutput(output)
        case Tensor():
            return ModelOutput(logits=output)
        case (Tensor() as start, Tensor() as end, *_) if start.shape == end.shape:  # of a question's answer
            return ModelOutput(logits=start, start_logits=start, end_logits=end)
        case (Tensor() as logits, *_):
            return ModelOutput(logits=logits)
    raise Incompatible(
        f"{type(model).__name__} returns an object of type {type(output).__name__}. Let its forward return a "
        "transformers ModelOutput, or a dict with logits."
    )
