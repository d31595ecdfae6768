"""Check a folder that save_pretrained made before any weights are read."""

import json
import math
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from transformers import CONFIG_MAPPING

from ..errors import Incompatible, ModelNotFound, ModelRefused
from .card import Card

CONFIG, SINGLE, INDEX = "config.json", "model.safetensors", "model.safetensors.index.json"
PROCESSOR = "preprocessor_config.json"
WEIGHTS = re.compile(r"model(-\d+-of-\d+)?\.safetensors")


@dataclass(frozen=True)
class FoundModel:
    """A model that fits its task: its size in bytes as float32, and its folder or its files on the hub."""

    bytes: int
    folder: Path | None = None
    commit: str = ""
    sizes: dict[str, int] = field(default_factory=dict)  # of each file to download, the weights last


def inspect_folder(card: Card, folder: Path, auto: Any) -> FoundModel:
    """Check the model in a folder, and compute its size from the headers of its weight files."""
    if not os.path.isfile(folder / CONFIG):  # os.path: Path.is_file raises for impossible names
        raise ModelNotFound(
            f"{shorten(card.key)} is not a folder with a config.json. Give the folder that save_pretrained made."
        )
    check_config(card, read_json(card, folder / CONFIG), auto)
    check_processor(card, os.listdir(folder))
    weights = select_weights(card, os.listdir(folder))
    if weights != [SINGLE]:
        _check_index(card, read_json(card, folder / INDEX), weights)
    try:
        return FoundModel(sum(_measure_bytes(folder / name) for name in weights), folder)
    except SafetensorError:
        raise Incompatible(f"A weight file of {card.label} is damaged. Copy or download it again.") from None


def select_weights(card: Card, names: Iterable[str]) -> list[str]:
    """Select the safetensors weight files among `names`. Raises ModelRefused if there are none."""
    files = {name for name in names if WEIGHTS.fullmatch(name) or name == INDEX}
    if SINGLE in files:
        return [SINGLE]
    if not files - {INDEX}:
        raise ModelRefused(_describe_refusal(card))
    if INDEX not in files:
        raise Incompatible(f"{card.label} lacks {INDEX}. Copy or download the model again.")
    return sorted(files - {INDEX})


def check_processor(card: Card, names: Iterable[str]) -> None:
    """Raise Incompatible if an image model has no image processor among the files `names`."""
    if "image_classification" in card.tasks and PROCESSOR not in names:
        raise Incompatible(f"{card.label} has no {PROCESSOR}. Save its image processor beside it with save_pretrained.")


def _describe_refusal(card: Card) -> str:
    return (
        f"{card.label} has no weights as safetensors. Pickled weights can run code when they are opened, so Wherefore "
        "does not. Ask its owner for safetensors, or convert it yourself and give the folder."
    )


def read_json(card: Card, file: Path) -> dict[str, Any]:
    """Read a JSON object from a file of a model. Raises Incompatible if there is none."""
    try:
        content = json.loads(file.read_bytes())
    except (FileNotFoundError, json.JSONDecodeError, UnicodeDecodeError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise Incompatible(f"The {file.name} of {card.label} is damaged or missing. Copy or download the model again.")
    return content


def _check_index(card: Card, index: dict[str, Any], weights: list[str]) -> None:
    """Raise Incompatible unless the index names exactly existing weight files, not a pickle or a file elsewhere."""
    weight_map = index.get("weight_map")
    named = set(map(str, weight_map.values())) if isinstance(weight_map, dict) else set()
    if lacking := sorted(named - set(weights)):
        raise Incompatible(
            f"{card.label} lacks {shorten(lacking[0])}, which its {INDEX} names. Copy or download the model again."
        )
    if not named:
        raise Incompatible(f"The {INDEX} of {card.label} names no files. Copy or download the model again.")


def _measure_bytes(file: Path) -> int:
    with safe_open(file, framework="numpy") as tensors:
        shapes = [tensors.get_slice(name).get_shape() for name in tensors.keys()]  # noqa: SIM118 (not a dict)
    return 4 * sum(map(math.prod, shapes))


def check_config(card: Card, config: dict[str, Any], auto: Any) -> None:
    """Raise unless transformers itself implements the architecture, and it fits the task."""
    kind, architectures = config.get("model_type"), config.get("architectures")
    if not isinstance(kind, str) or kind not in CONFIG_MAPPING:
        if "auto_map" in config:
            raise ModelRefused(
                f"{card.label} asks to run its own code. Wherefore runs no code from a model's repository."
            )
        raise Incompatible(
            f"{card.label} is of type {shorten(str(kind))}, which this version of transformers does not know."
        )
    classes = auto._model_mapping.get(CONFIG_MAPPING[kind], None)
    names = {cls.__name__ for cls in (classes if isinstance(classes, tuple) else (classes,)) if cls}
    architectures = list(map(str, architectures)) if isinstance(architectures, list) else []
    if not names & set(architectures):
        raise Incompatible(
            f"{card.label} is made for {', '.join(architectures)[:100] or 'an unnamed task'}, not for this task."
        )
    if config.get("transformers_weights"):  # may name a pickle, which is not checked here
        raise ModelRefused(f"{card.label} asks for weights other than {SINGLE}. Save it anew with save_pretrained.")


def shorten(model: str) -> str:
    """Quote at most 100 characters of a name that a user gave."""
    return repr(model if len(model) <= 100 else f"{model[:100]}…")
