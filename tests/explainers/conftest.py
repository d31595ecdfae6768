"""What tests of models from a hub begin with: the hub, an empty memory, and a model to publish."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.support.hub import Hub, files_of, forget, running, saved


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub with nothing on it, for a test."""
    with running(tmp_path / "cache", monkeypatch) as server:
        yield server


@pytest.fixture
def anew(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Starts the server anew: an empty memory, and other settings if any are given."""
    start = partial(forget, monkeypatch)
    start()
    return start


@pytest.fixture
def bert(tmp_path: Path) -> dict[str, bytes]:
    """The files of a tiny BERT that classifies texts."""
    return files_of(saved("bert", tmp_path / "bert"))
