"""Run transformers' generate by a model's own generation_config, and name the setting that keeps it from running."""

import logging
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor

from ...errors import ExplainerError, Incompatible, LimitReached
from ...models.devices import find_device
from ...models.loading import Bundle
from .dropout import GeneratorMode

MOST_BEAMS = 32
ADVICE = "Set Strategy to greedy, type the text to explain, or remove the setting."
# Greedy search, whatever the generation_config asks for.
GREEDY: dict[str, Any] = {
    "do_sample": False,
    "num_beams": 1,
    **dict.fromkeys(("penalty_alpha", "dola_layers", "constraints", "force_words_ids")),
}
# We take the ids of one text, the best.
ONE_TEXT: dict[str, Any] = {
    "num_return_sequences": 1,
    **dict.fromkeys(
        (
            "return_dict_in_generate",
            "output_scores",
            "output_logits",
            "output_attentions",
            "output_hidden_states",
        ),
        False,
    ),
}


def run_generate(bundle: Bundle, arguments: Mapping[str, Any], prompt: list[int], seed: int) -> Tensor:
    """Return the ids (W,) that the model generates after those of the prompt.

    A model that samples does so as transformers does after `torch.manual_seed(seed)`. Raises Incompatible for a
    generation_config that transformers cannot follow here, LimitReached for too many beams.
    """
    model, device = bundle.model, find_device(bundle.model)
    arguments = {"tokenizer": bundle.tokenizer} | ONE_TEXT | dict(arguments)
    arguments |= {name: given.to(device) for name, given in arguments.items() if isinstance(given, Tensor)}
    if (beams := _read_setting(model, arguments, "num_beams") or 1) > MOST_BEAMS:
        raise LimitReached(f"{bundle.card.label} asks for {beams} beams, and {MOST_BEAMS} are allowed. {ADVICE}")
    samples = _read_setting(model, arguments, "do_sample")
    generator = torch.Generator(device).manual_seed(seed) if samples else None
    try:
        with torch.no_grad(), GeneratorMode(generator) if generator else nullcontext():
            ids: Tensor = model.generate(**arguments)[0].cpu()
    except (ExplainerError, MemoryError):
        raise
    except Exception as error:  # each setting that is wrong raises another class
        logging.getLogger(__name__).warning("%s cannot generate text", bundle.card.label, exc_info=error)
        raise Incompatible(_describe_failure(bundle, arguments, error)) from None
    if ids[: len(prompt)].tolist() != prompt:
        cause = "token_healing" if model.generation_config.token_healing else "generate"
        raise Incompatible(
            f"{bundle.card.label} changes the tokens of the prompt before it continues them ({cause}), and the prompt "
            "that is explained would be another one. Type the text to explain, or remove the setting."
        )
    return ids[len(prompt) :]


def describe_search(bundle: Bundle, strategy: str) -> tuple[str, ...]:
    """Return a notice if the model's own settings are not greedy search: whether the text follows them."""
    config = bundle.model.generation_config
    own = [f"{config.num_beams} beams"] if (config.num_beams or 1) > 1 else []
    own += ["sampling"] if config.do_sample else []
    if not own:
        return ()
    if strategy == "model":
        return (f"The text was generated with {' and '.join(own)}, as the model's own settings say.",)
    return (f"The model's own settings are {' and '.join(own)}. They are used if Strategy is model.",)


def _read_setting(model: Any, arguments: Mapping[str, Any], name: str) -> Any:
    return arguments[name] if name in arguments else getattr(model.generation_config, name)


def _describe_failure(bundle: Bundle, arguments: Mapping[str, Any], error: Exception) -> str:
    """Name the setting of the model's generation_config without which it can generate, if there is one."""
    settings = bundle.model.generation_config.to_diff_dict()
    for name, value in settings.items():
        if name not in arguments and hasattr(bundle.model.generation_config, name):
            without = {**arguments, name: None, "max_new_tokens": 1}
            try:
                with torch.no_grad():
                    bundle.model.generate(**without)
            except (ExplainerError, MemoryError):
                raise
            except Exception:  # this is not the setting
                continue
            return (
                f"transformers cannot generate text with {bundle.card.label}: its generation_config sets {name} to "
                f"{str(value)[:60]}, which raises a {type(error).__name__}. {ADVICE}"
            )
    return (
        f"transformers cannot generate text with {bundle.card.label} ({type(error).__name__}). "
        "Type the text to explain, or choose another model."
    )
