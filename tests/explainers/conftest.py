"""Fixtures for tests of models from a hub: the hub, an empty model cache, and a model to publish."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.support.hub import Hub, clear_models, read_files, run_hub, save_tiny


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """Run an empty hub for a test."""
    with run_hub(tmp_path / "cache", monkeypatch) as server:
        yield server


@pytest.fixture
def anew(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that restarts the server: an empty model cache, and the given settings."""
    start = partial(clear_models, monkeypatch)
    start()
    return start


@pytest.fixture
def bert(tmp_path: Path) -> dict[str, bytes]:
    """Return the files of a tiny BERT for text classification."""
    return read_files(save_tiny("bert", tmp_path / "bert"))
