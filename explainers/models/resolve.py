"""Resolve a model name, hub id or folder to a Card, and a Card to files on this machine."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import try_to_load_from_cache

from ..errors import Incompatible, LimitReached, ModelNotFound
from ..progress import Progress, run_in_thread
from ..settings import ROOT, Settings, settings
from .bundled_weights import WHEELS, fetch
from .card import Card, guess_provided
from .catalogue import CARDS
from .hub import check_copy, download, find_on_hub
from .local import FoundModel, inspect_folder, shorten

ADAPTERS = ROOT / "models"
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?(@[A-Za-z0-9][\w./-]{0,80})?")


@dataclass(frozen=True)
class ModelFiles:
    """The folder of a model's weights and tokenizer, and the folder of our adapter if it is bundled."""

    folder: Path
    adapter: Path | None = None


def find_card(model: str, task: str, settings: Settings) -> Card:
    """Find the Card of a name, hub id or folder. Raises ModelNotFound if there is none."""
    if model in CARDS:
        return _check_task(CARDS[model], task)
    if not settings.any_model:
        raise ModelNotFound(f"This server offers only the models on its list, and {shorten(model)} is not among them.")
    if settings.profile != "public" and (model.startswith((".", "/", "~")) or Path(model).is_absolute()):
        return Card(model, "folder", (task,), Path(model).name or model, provides=guess_provided(task))
    if not HUB_ID.fullmatch(model) or ".." in model:
        raise ModelNotFound(f"{shorten(model)} is neither a model's name, nor a hub id “owner/name”, nor a folder.")
    name, _, revision = model.partition("@")
    return Card(model, "hub", (task,), name, revision=revision, provides=guess_provided(task))


def _check_task(card: Card, task: str) -> Card:
    if task not in card.tasks:
        made_for = " and ".join(card.tasks).replace("_", " ")
        raise Incompatible(f"{card.label} is a model for {made_for}. Choose one for {task.replace('_', ' ')}.")
    return card


def find_model(card: Card, auto: Any, progress: Progress) -> FoundModel:
    """Find the model and its size, and check that it fits its task, before any weights are downloaded or read."""
    match card.source:
        case "bundled":
            return FoundModel(card.megabytes * 1_000_000)
        case "folder":
            return inspect_folder(card, Path(os.path.expanduser(card.key)), auto)
        case _:
            return run_in_thread(lambda _: find_on_hub(card, auto), progress, f"Asking the model hub for {card.label}")


def fetch_files(card: Card, found: FoundModel, auto: Any, settings: Settings, progress: Progress) -> ModelFiles:
    """Return the model's files on this machine, after downloading them if they are missing."""
    if card.source == "bundled":
        ours = ADAPTERS / card.key
        return ModelFiles(fetch(WHEELS[card.wheel], settings.cache_path, progress) if card.wheel else ours, ours)
    name = f"Downloading {card.label}"
    folder = found.folder or run_in_thread(lambda meter: download(card, found, meter), progress, name)
    if card.source == "hub":
        run_in_thread(lambda _: check_copy(card, folder), progress, f"Checking {card.label}")
        if inspect_folder(card, folder, auto).bytes > found.bytes:
            raise LimitReached(f"{card.label} is larger than the hub states, so it was not loaded. Choose another.")
    return ModelFiles(folder)


def is_on_disk(card: Card) -> bool:
    """Return whether the Card's weights are on this machine, without a request to the hub or the package index."""
    match card.source:
        case "bundled":
            return not card.wheel or WHEELS[card.wheel].home(settings().cache_path).is_dir()
        case "folder":
            return Path(card.key).expanduser().is_dir()
        case _:
            return any(_in_hub_cache(card, name) for name in ("model.safetensors", "model.safetensors.index.json"))


def _in_hub_cache(card: Card, name: str) -> bool:
    repository = card.key.partition("@")[0]
    return isinstance(try_to_load_from_cache(repository, name, revision=card.revision or None), str)
