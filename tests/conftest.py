"""What every test shares: one thread, the order of the files, the markers `slow` and `alone`."""

from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, LOCK_SH, LOCK_UN, flock
from pathlib import Path

import pytest
import torch

torch.set_num_threads(1)  # tiny models gain nothing from more, and threads that wait for each other cost much
ROOT = Path(__file__).parent.parent
BROWSER, LONG = "tests/pages/", ("tests/pages/", "tests/test_recorded.py")


@pytest.hookimpl(tryfirst=True)  # before tests are deselected by their markers
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests with a browser as slow, and run long files first, so that both processes end together."""
    for item in items:
        if item.nodeid.startswith(BROWSER):
            item.add_marker("slow")
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Run a test and its fixtures beside those of other processes, or alone if it is marked so."""
    with _lock_machine(LOCK_EX if item.get_closest_marker("alone") else LOCK_SH):
        return (yield)


@contextmanager
def _lock_machine(kind: int) -> Iterator[None]:
    """Hold a lock that all processes share, or one has exclusively; they get it in the order in which they ask."""
    with open(ROOT / "pyproject.toml") as turn, open(__file__) as machine:
        flock(turn, LOCK_EX)
        flock(machine, kind)
        flock(turn, LOCK_UN)
        yield
