"""Inspect and download models of the Hugging Face hub with its own client, and verify the local copy."""

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
from ..progress import Meter
from .card import Card
from .local import CONFIG, WEIGHTS, FoundModel, check_config, check_processor, inspect_folder, read_json, select_weights

WANTED = re.compile(
    r"((pre)?processor_|generation_)?config\.json|model\.safetensors\.index\.json|[^/]*token[^/]*\.json"
    r"|vocab\.(json|txt)|merges\.txt|[^/]*\.(model|spm)|chat_template\.(jinja|json)"
)
TIMEOUT = 10  # seconds to wait for the hub


def find_on_hub(card: Card, auto: Any) -> FoundModel:
    """Find a model on the hub, with the size that the hub states, or its local copy if the hub does not answer."""
    try:
        with _translate_errors(card, _describe_silence(card)):
            return _inspect_repository(card, auto)
    except Unreachable as unreachable:
        try:
            folder = _verify(card, _download(card, CONFIG, card.revision, local_files_only=True)).parent
            return FoundModel(inspect_folder(card, folder, auto).bytes, folder, commit=folder.name)
        except (LocalEntryNotFoundError, Incompatible, ModelRefused):
            raise unreachable from None


def _inspect_repository(card: Card, auto: Any) -> FoundModel:
    name, revision = _get_repository(card), card.revision or None
    info = HfApi().model_info(name, revision=revision, timeout=TIMEOUT, files_metadata=True)
    commit, sizes = str(info.sha), {file.rfilename: file.size or 0 for file in info.siblings or []}
    if CONFIG not in sizes:
        raise Incompatible(f"{card.label} has no config.json, so it is not a transformers model.")
    file = _download(card, CONFIG, card.revision)  # by the revision's name, so that the client caches that name
    if file.parent.name != commit:
        file = _download(card, CONFIG, commit)
    config = read_json(card, _verify(card, file))
    check_config(card, config, auto)
    check_processor(card, sizes)
    weights = select_weights(card, sizes)
    needed = 4 * int(info.safetensors.total) if info.safetensors else _estimate_bytes(config, sizes, weights)
    wanted = [*filter(WANTED.fullmatch, sizes), *weights]
    return FoundModel(needed, commit=commit, sizes={name: sizes[name] for name in wanted})


def _estimate_bytes(config: dict[str, Any], sizes: dict[str, int], weights: list[str]) -> int:
    """Estimate the bytes as float32 if the hub states no count: twice the file size, unless the files are float32."""
    whole = config.get("dtype", config.get("torch_dtype")) == "float32"
    return sum(sizes[name] for name in weights) * (1 if whole else 2)


def download(card: Card, found: FoundModel, meter: Meter) -> Path:
    """Download the files that are missing, and return their folder."""
    xets = ("update_transfer", "set_postfix_str", "set_transfer_postfix_str")  # ignored: update counts every byte
    unseen = dict.fromkeys(xets, lambda *_, **__: None)
    bar = type("Bar", (silent_tqdm,), unseen | {"update": lambda _, count=1: meter.add(count)})
    meter.total, arrived = sum(found.sizes.values()), 0
    broken = f"The download of {card.label} was interrupted. Try again: complete files are kept."
    with _translate_errors(card, broken):
        for name, size in found.sizes.items():
            file = _download(card, name, found.commit, tqdm_class=bar)
            meter.done = arrived = arrived + size
    return file.parent


def _download(card: Card, name: str, revision: str, **options: Any) -> Path:
    file = hf_hub_download(_get_repository(card), name, revision=revision or None, etag_timeout=TIMEOUT, **options)
    return Path(file)


def check_copy(card: Card, folder: Path) -> None:
    """Delete a file of the hub's cache that differs from what the hub sent, and raise Incompatible."""
    for file in folder.iterdir():
        if WANTED.fullmatch(file.name) or WEIGHTS.fullmatch(file.name):
            _verify(card, file)


def _verify(card: Card, file: Path) -> Path:
    """Return the file if its content has the digest that its name in the cache states."""
    links = [file]
    while links[-1].is_symlink():  # to a blob of the repository, and perhaps on to one that repositories share
        links.append(links[-1].parent / os.readlink(links[-1]))
    if len(links) > 1 and _compute_digest(links[-1], links[1].name) != links[1].name:
        for link in links:
            link.unlink(missing_ok=True)
        raise Incompatible(
            f"The {file.name} of {card.label} was damaged on this machine, so that copy was deleted. Try again to "
            "download it anew."
        )
    return file


def _compute_digest(file: Path, name: str) -> str:
    """Compute the digest of the kind that `name` has: sha256 for a large file, git's for a small one, else `name`."""
    if re.fullmatch("[0-9a-f]{64}", name):
        with file.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
    if re.fullmatch("[0-9a-f]{40}", name):
        body = file.read_bytes()
        return hashlib.sha1(b"blob %d\0" % len(body) + body, usedforsecurity=False).hexdigest()
    return name


def _get_repository(card: Card) -> str:
    return card.key.partition("@")[0]


@contextmanager
def _translate_errors(card: Card, silence: str) -> Iterator[None]:
    """Translate the hub client's errors into ours; `silence` is the message if the hub does not answer."""
    name = _get_repository(card)
    try:
        yield
    except GatedRepoError:
        raise ModelRefused(
            f"{name} is gated: its owners require you to accept their terms first. Do so on its page, then start "
            "Wherefore with your HF_TOKEN in the environment."
        ) from None
    except RevisionNotFoundError:
        raise ModelNotFound(f"{name} has no revision {card.revision!r}. Leave it out, or check its history.") from None
    except (RepositoryNotFoundError, HFValidationError):
        raise ModelNotFound(f"The hub has no model {name!r}, or it is private. Check the spelling.") from None
    except LocalEntryNotFoundError:
        raise Unreachable(silence) from None
    except HfHubHTTPError as error:
        raise _translate_status(name, error.response.status_code) from None
    except (httpx2.HTTPError, json.JSONDecodeError):
        raise Unreachable(silence) from None
    except OSError as error:
        if error.errno is not None:  # an error of this machine, such as a full disk
            raise
        raise Unreachable(silence) from None


def _translate_status(name: str, status: int) -> ModelRefused | Unreachable:
    if status in (401, 403):
        return ModelRefused(
            f"The hub does not let this server read {name} (status {status}). Check that HF_TOKEN is valid and may "
            "read it, or leave it out."
        )
    return Unreachable(f"The hub answered a request for {name} with status {status}. Try again later.")


def _describe_silence(card: Card) -> str:
    return (
        f"{card.label} is not on this machine, and the model hub does not answer. Check the connection, or choose a "
        "bundled model: those need no hub."
    )
