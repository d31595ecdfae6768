"""The limits of this server, read once from WHEREFORE_PROFILE (local or public) and one variable per limit."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from .errors import BadRequest

PREFIX = "WHEREFORE_"
_PACKAGE = Path(__file__).resolve().parent
_INSTALLED = _PACKAGE / "_app"  # the wheel has app.py, pages/, assets/, models/ and .streamlit/ here
ROOT = _INSTALLED if _INSTALLED.is_dir() else _PACKAGE.parent  # the folder with these; in a clone, the project's


@dataclass(frozen=True)
class Settings:
    """Limits and folders. The defaults are the `local` profile: a user's own machine, any model."""

    profile: str = "local"
    any_model: bool = True  # also hub ids and folders that are not in the catalogue
    text_characters: int = 100_000  # in one input
    link_characters: int = 30_000  # in a link that contains its text
    upload_megabytes: int = 20
    labels: int = 100  # of zero-shot classification; each needs a forward pass over the text
    passes: int = 20_000  # forward and backward passes of one explanation
    seconds: int = 600  # for one explanation, without waiting
    model_megabytes: int = 6_000  # for all loaded models together, as float32
    result_megabytes: int = 200  # for cached results
    waiting: int = 64  # requests in the queue
    threads: int = 0  # torch threads per explanation; 0 = all cores, one explanation at a time
    device: str = "cpu"  # of the models that we load, as torch names it: cpu, cuda, cuda:1, mps
    cache_folder: str = ""  # for unpacked weights; empty = the user's cache folder

    @property
    def cache_path(self) -> Path:
        """The folder for unpacked weights."""
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        return Path(self.cache_folder).expanduser() if self.cache_folder else Path(base) / "wherefore"

    @property
    def cores(self) -> int:
        """Number of CPU cores that this process may use."""
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

    @property
    def threads_each(self) -> int:
        """Number of torch threads per explanation."""
        return self.threads or self.cores

    @property
    def slots(self) -> int:
        """Number of explanations that run at once: cores divided by threads."""
        return max(1, self.cores // self.threads_each)


PROFILES = {
    "local": Settings(),
    "public": Settings(
        profile="public",
        any_model=False,
        text_characters=20_000,
        link_characters=8_000,
        upload_megabytes=8,
        labels=12,
        passes=1_000,
        seconds=60,
        model_megabytes=2_000,
        result_megabytes=100,
        waiting=16,
        threads=1,
    ),
}


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Read the settings from environment variables. Raises BadRequest for an unknown name or an invalid value."""
    known = [PREFIX + field.name.upper() for field in fields(Settings)]
    for name in environment:
        if name.startswith(PREFIX) and name not in known:
            nearest = get_close_matches(name, known, n=1, cutoff=0.0)[0]
            raise BadRequest(f"There is no setting {name}. Did you mean {nearest}?")
    profile = environment.get(PREFIX + "PROFILE", "local")
    if profile not in PROFILES:
        raise BadRequest(f"{PREFIX}PROFILE is {profile!r}. Give {' or '.join(PROFILES)}.")
    base = PROFILES[profile]
    texts = {field.name: environment.get(PREFIX + field.name.upper()) for field in fields(base)[1:]}
    changes = {name: _parse_value(name, text, getattr(base, name)) for name, text in texts.items() if text is not None}
    return replace(base, **changes)  # type: ignore[arg-type]


def _parse_value(name: str, text: str, default: bool | int | str) -> bool | int | str:
    if isinstance(default, bool) and text in ("true", "false"):
        return text == "true"
    if isinstance(default, int) and not isinstance(default, bool) and text.isdecimal():
        return int(text)
    if isinstance(default, str):
        return text
    allowed = "true or false" if isinstance(default, bool) else "a whole number"
    raise BadRequest(f"{PREFIX}{name.upper()} is {text!r}. Give {allowed}.")


def format_environment(own: Settings) -> dict[str, str]:
    """Return the environment variables that `read_settings` reads as these settings."""
    values = {field.name: getattr(own, field.name) for field in fields(own)}
    return {PREFIX + name.upper(): str(v).lower() if isinstance(v, bool) else str(v) for name, v in values.items()}


UNLIMITED = {
    "text_characters": 1_000_000_000,
    "upload_megabytes": 1_000_000,
    "labels": 1_000_000,
    "passes": 1_000_000_000,
    "seconds": 1_000_000_000,
}
_LIMITED = ContextVar("limited", default=True)


def settings() -> Settings:
    """Return the settings of this process; inside `lift_limits`, without the limits of one explanation."""
    own = _read_environment()
    return own if _LIMITED.get() else replace(own, **UNLIMITED)  # type: ignore[arg-type]


@cache
def _read_environment() -> Settings:
    return read_settings(os.environ)


@contextmanager
def lift_limits() -> Iterator[None]:
    """Compute in this thread without the limits that a server sets for one explanation."""
    before = _LIMITED.set(False)
    try:
        yield
    finally:
        _LIMITED.reset(before)
