"""Models on a hub, by its own client: what is there, how large it is, and a copy on this machine that is whole.

Knows nothing of what is loaded already; folders.py says whether a model fits its task.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
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

from ..errors import Incompatible, ModelNotFound, ModelRefused, Unreachable
from ..gate import Meter
from .card import Card
from .local import CONFIG, WEIGHTS, FoundModel, check_config, check_processor, inspect_folder, read_json, select_weights

WANTED = re.compile(
    r"((pre)?processor_|generation_)?config\.json|model\.safetensors\.index\.json|[^/]*token[^/]*\.json"
    r"|vocab\.(json|txt)|merges\.txt|[^/]*\.(model|spm)|chat_template\.(jinja|json)"
)
TIMEOUT = 10  # seconds that the hub may take to answer


def find_on_hub(card: Card, auto: Any) -> FoundModel:
    """A model on the hub, its size as the hub tells it; or its copy on this machine if the hub does not answer."""
    try:
        with _hub_errors(card, _no_hub(card)):
            return _listed(card, auto)
    except Unreachable as unreachable:
        try:
            folder = _checked(card, _download(card, CONFIG, card.revision, local_files_only=True)).parent
            return FoundModel(inspect_folder(card, folder, auto).bytes, folder, commit=folder.name)
        except (LocalEntryNotFoundError, Incompatible, ModelRefused):
            raise unreachable from None


def _listed(card: Card, auto: Any) -> FoundModel:
    info = HfApi().model_info(_repository(card), revision=card.revision or None, timeout=TIMEOUT, files_metadata=True)
    commit, sizes = str(info.sha), {file.rfilename: file.size or 0 for file in info.siblings or []}
    if CONFIG not in sizes:
        raise Incompatible(f"{card.label} has no config.json, so it is not a transformers model.")
    file = _download(card, CONFIG, card.revision)  # by its name, which the client then remembers
    if file.parent.name != commit:
        file = _download(card, CONFIG, commit)
    config = read_json(card, _checked(card, file))
    check_config(card, config, auto)
    check_processor(card, sizes)
    weights = select_weights(card, sizes)
    needed = 4 * int(info.safetensors.total) if info.safetensors else _reckoned(config, sizes, weights)
    names = [*filter(WANTED.fullmatch, sizes), *weights]
    return FoundModel(needed, commit=commit, sizes={name: sizes[name] for name in names})


def _reckoned(config: dict[str, Any], sizes: dict[str, int], weights: list[str]) -> int:
    """Bytes as float32 of weights that the hub has not counted: twice the files', unless they are float32 already."""
    whole = config.get("dtype", config.get("torch_dtype")) == "float32"
    return sum(sizes[name] for name in weights) * (1 if whole else 2)


def download(card: Card, found: FoundModel, meter: Meter) -> Path:
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
    return file.parent


def _download(card: Card, name: str, revision: str, **options: Any) -> Path:
    file = hf_hub_download(_repository(card), name, revision=revision or None, etag_timeout=TIMEOUT, **options)
    return Path(file)


def check_copy(card: Card, folder: Path) -> None:
    """Raises Incompatible if a file of the hub's cache is not what the hub sent, after throwing that file away."""
    for file in folder.iterdir():
        if WANTED.fullmatch(file.name) or WEIGHTS.fullmatch(file.name):
            _checked(card, file)


def _checked(card: Card, file: Path) -> Path:
    """The file, if its content is the one that its name in the cache stands for."""
    links = [file]
    while links[-1].is_symlink():  # to a blob of the repository, and from there perhaps to one that several share
        links.append(links[-1].parent / os.readlink(links[-1]))
    if len(links) > 1 and _digest(links[-1], links[1].name) != links[1].name:
        for link in links:
            link.unlink(missing_ok=True)
        raise Incompatible(
            f"The {file.name} of {card.label} was damaged on this machine, so that copy was thrown away. Try again: "
            "it will be downloaded anew."
        )
    return file


def _digest(file: Path, name: str) -> str:
    """What the file should be called: by its sha256 if it is large, else as git names it; `name` if it is neither."""
    if re.fullmatch("[0-9a-f]{64}", name):
        with file.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
    if re.fullmatch("[0-9a-f]{40}", name):
        body = file.read_bytes()
        return hashlib.sha1(b"blob %d\0" % len(body) + body, usedforsecurity=False).hexdigest()
    return name


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
