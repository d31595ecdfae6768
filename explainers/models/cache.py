"""A cache of loaded models bounded by bytes: the least recently used leave first, those in use never."""

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
from ..progress import SLICE, Progress, hold_lock, quiet

Model = TypeVar("Model")


def trim_memory() -> None:
    """Return freed memory to the system: glibc would keep hundreds of megabytes that a model left behind."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim:
        trim(0)


@dataclass
class _Place(Generic[Model]):
    """Room held in the cache: for a loaded bundle, or for one that is being loaded."""

    bytes: int
    users: int = 0
    bundle: Model | None = None
    loading: threading.Lock = field(default_factory=threading.Lock)


class ModelCache(Generic[Model]):
    """The loaded models of this process, at most `most` bytes of them, the least recently used leaving first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._places: OrderedDict[str, _Place[Model]] = OrderedDict()
        self._guard = threading.Lock()

    @property
    def bytes(self) -> int:
        """What is loaded or being loaded, in bytes."""
        with self._guard:
            return self._taken()

    def _taken(self) -> int:
        return sum(place.bytes for place in self._places.values())

    def peek(self, key: str) -> Model | None:
        """The bundle if it is loaded already."""
        place = self._places.get(key)
        return place.bundle if place else None

    @contextmanager
    def lease(
        self, key: str, weigh: Callable[[], int], build: Callable[[], Model], progress: Progress = quiet
    ) -> Iterator[Model]:
        """The bundle of `key`, built if need be; it cannot be evicted before the lease ends."""
        place = self._claim(key, weigh, progress)
        try:
            with hold_lock(place.loading, progress, "Another visitor is loading this model"):
                if place.bundle is None:
                    place.bundle = build()
            yield place.bundle
        finally:
            with self._guard:
                place.users -= 1
                if place.bundle is None and not place.users:
                    self._places.pop(key, None)
                del place  # else this frame would keep the model for a moment after it may leave

    @contextmanager
    def reserve(self, needed: int, what: str) -> Iterator[None]:
        """Room for `needed` bytes of somebody's own, at once or not at all: who waits here holds another model.

        Raises LimitReached if they do not fit beside the models in use.
        """
        key = f"{what} {uuid.uuid4().hex}"
        if self._try_claim(key, needed) is None:
            raise LimitReached(
                f"There is no memory for {what}, {needed / 1e6:,.0f} MB beside the models in use: this server keeps "
                f"{self._most / 1e6:,.0f} MB for models. Try again later, or raise WHEREFORE_MODEL_MEGABYTES."
            )
        try:
            yield
        finally:
            gc.collect()  # what was kept there may be full of cycles
            trim_memory()
            with self._guard:
                del self._places[key]

    def _claim(self, key: str, weigh: Callable[[], int], progress: Progress) -> _Place[Model]:
        if place := self._try_claim(key, None):
            return place
        needed = self._weighed(weigh)
        while (place := self._try_claim(key, needed)) is None:
            progress("Waiting until another model can leave the memory", 0.0)
            time.sleep(SLICE)
        return place

    def _weighed(self, weigh: Callable[[], int]) -> int:
        if (needed := weigh()) <= self._most:
            return needed
        raise LimitReached(
            f"This model needs {needed / 1e6:,.0f} MB of memory, and this server keeps {self._most / 1e6:,.0f} MB for "
            "models. Choose a smaller one, or raise WHEREFORE_MODEL_MEGABYTES."
        )

    def _try_claim(self, key: str, needed: int | None) -> _Place[Model] | None:
        with self._guard:
            if key not in self._places:
                if needed is None or not self._make_room(needed):
                    return None
                self._places[key] = _Place(needed)
            place = self._places[key]
            self._places.move_to_end(key)
            place.users += 1
            return place

    def _make_room(self, needed: int) -> bool:
        """Whether so many bytes fit, after as many idle models have left as need be, and none if that is no use."""
        idle = [key for key, place in self._places.items() if not place.users]
        if self._taken() - sum(self._places[key].bytes for key in idle) + needed > self._most:
            return False
        left = [self._places.pop(key) for key in idle if self._taken() + needed > self._most]
        if left:
            left.clear()
            gc.collect()  # a model is full of cycles
            trim_memory()
        return True
