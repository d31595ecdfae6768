"""Fixtures for tests of models from a hub: the hub, an empty model cache, and a model to publish."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.support.hub import Hub, files_of, forget, running, saved


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """Run an empty hub for a test."""
    with running(tmp_path / "cache", monkeypatch) as server:
        yield server


@pytest.fixture
def anew(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that restarts the server: an empty model cache, and the given settings."""
    start = partial(forget, monkeypatch)
    start()
    return start


@pytest.fixture
def bert(tmp_path: Path) -> dict[str, bytes]:
    """Return the files of a tiny BERT for text classification."""
    return files_of(saved("bert", tmp_path / "bert"))
