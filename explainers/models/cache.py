"""A least-recently-used cache of loaded models, bounded by bytes. Models in use are never evicted."""

import ctypes
import gc
import sys
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from ..errors import LimitReached
from ..progress import Progress, hold_lock, quiet, wait_while

Model = TypeVar("Model")


def trim_memory() -> None:
    """Return freed memory to the system, because glibc would keep hundreds of megabytes after a model is evicted."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim:
        trim(0)


@dataclass
class _Place(Generic[Model]):
    """Reserved memory: for a loaded bundle, or for one that is being loaded."""

    bytes: int
    users: int = 0
    bundle: Model | None = None
    loading: threading.Lock = field(default_factory=threading.Lock)


class ModelCache(Generic[Model]):
    """The loaded models of this process, together at most `max_bytes` large."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._places: OrderedDict[str, _Place[Model]] = OrderedDict()
        self._guard = threading.Lock()

    @property
    def bytes(self) -> int:
        """Size of all loaded models and of those being loaded."""
        with self._guard:
            return self._sum_bytes()

    def _sum_bytes(self) -> int:
        return sum(place.bytes for place in self._places.values())

    def peek(self, key: str) -> Model | None:
        """Return the bundle if it is loaded, else None."""
        place = self._places.get(key)
        return place.bundle if place else None

    @contextmanager
    def lease(
        self, key: str, measure: Callable[[], int], build: Callable[[], Model], progress: Progress = quiet
    ) -> Iterator[Model]:
        """Return the bundle of `key`, built if it is missing; it is not evicted before the lease ends.

        `measure` returns its size in bytes, before `build` loads it. Raises LimitReached for a size above the bound.
        """
        place = self._claim(key, measure, progress)
        try:
            with hold_lock(place.loading, progress, "Another user is loading this model"):
                if place.bundle is None:
                    place.bundle = build()
            yield place.bundle
        finally:
            with self._guard:
                place.users -= 1
                if place.bundle is None and not place.users:
                    self._places.pop(key, None)
                del place  # else this frame would keep the model for a moment after it may be evicted

    @contextmanager
    def reserve(self, needed: int, what: str) -> Iterator[None]:
        """Reserve `needed` bytes for a copy outside the cache, without waiting: the caller already holds a model.

        Raises LimitReached if they do not fit beside the models in use.
        """
        key = f"{what} {uuid.uuid4().hex}"
        if not self._try_claim(key, needed):
            raise LimitReached(
                f"There is no memory for {what}, {needed / 1e6:,.0f} MB besides the models in use: this server allows "
                f"{self._max_bytes / 1e6:,.0f} MB for models. Try again later, or raise WHEREFORE_MODEL_MEGABYTES."
            )
        try:
            yield
        finally:
            gc.collect()  # models contain reference cycles
            trim_memory()
            with self._guard:
                del self._places[key]

    def _claim(self, key: str, measure: Callable[[], int], progress: Progress) -> _Place[Model]:
        """Wait for a place and count this user, so that the place stays."""
        if not self._try_claim(key, None):
            needed = measure()
            if needed > self._max_bytes:
                raise LimitReached(
                    f"This model needs {needed / 1e6:,.0f} MB of memory, and this server allows "
                    f"{self._max_bytes / 1e6:,.0f} MB for models. Choose a smaller one, or raise "
                    "WHEREFORE_MODEL_MEGABYTES."
                )
            wait_while(lambda seconds: self._describe_wait(key, needed, seconds), progress)
        return self._places[key]

    def _describe_wait(self, key: str, needed: int, seconds: float) -> tuple[str, float] | None:
        """Claim a place and return None, or wait and return the reason."""
        if self._try_claim(key, needed):
            return None
        time.sleep(seconds)
        return "Waiting until another model can leave the memory", 0.0

    def _try_claim(self, key: str, needed: int | None) -> bool:
        """Count a user of the place of `key`, made for `needed` bytes if it is missing. Return whether that worked."""
        with self._guard:
            if key not in self._places:
                if needed is None or not self._make_room(needed):
                    return False
                self._places[key] = _Place(needed)
            self._places.move_to_end(key)
            self._places[key].users += 1
            return True

    def _make_room(self, needed: int) -> bool:
        """Evict as few idle models as `needed` bytes require; evict none and return False if that is not enough."""
        idle = [key for key, place in self._places.items() if not place.users]
        if self._sum_bytes() - sum(self._places[key].bytes for key in idle) + needed > self._max_bytes:
            return False
        evicted = [self._places.pop(key) for key in idle if self._sum_bytes() + needed > self._max_bytes]
        if evicted:
            evicted.clear()
            gc.collect()  # models contain reference cycles
            trim_memory()
        return True
