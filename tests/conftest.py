"""What every test shares: one thread, the order of the files, and a room that a test can have for itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, LOCK_SH, LOCK_UN, flock
from pathlib import Path

import pytest
import torch

torch.set_num_threads(1)  # tiny models gain nothing from more, and threads that wait for each other cost much
ROOT = Path(__file__).parent.parent
LONG = ("tests/pages/", "tests/test_recorded.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first: the process that is done early goes on with short ones, and both end together."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Run a test, its fixtures included, beside those of other processes, or alone if it is marked so."""
    with _room(LOCK_EX if item.get_closest_marker("alone") else LOCK_SH):
        return (yield)


@contextmanager
def _room(share: int) -> Iterator[None]:
    """Whoever stands in the door is the next to come in, so that one who wants the room alone is not passed by."""
    with open(ROOT / "pyproject.toml") as door, open(__file__) as room:
        flock(door, LOCK_EX)
        flock(room, share)
        flock(door, LOCK_UN)
        yield
