"""The catalogue agrees with the repository, the wheels and transformers."""

import re
from pathlib import Path

import pytest
from transformers.pipelines import SUPPORTED_TASKS

from explainers import CARDS, METHODS
from explainers.models.bundled_weights import WHEELS
from explainers.models.catalogue import BUNDLED, HUB
from explainers.models.loading import AUTO
from explainers.visualization.summaries.model_card import (
    LANGUAGES,
    PROVIDED,
    describe_location,
    list_facts,
    list_methods,
    list_missing,
)

MODELS = Path(__file__).parents[3] / "models"
MOST_MEGABYTES = 60

bundled = pytest.mark.parametrize("card", BUNDLED, ids=lambda card: card.key)
every = pytest.mark.parametrize("card", CARDS.values(), ids=lambda card: card.key)


def test_keys_and_labels_are_unique():
    assert len(CARDS) == len(BUNDLED) + len(HUB)
    assert len({card.label for card in CARDS.values()}) == len(CARDS)


@bundled
def test_a_bundled_model_has_a_folder_with_a_model_card_and_a_configuration(card):
    assert card.source == "bundled"
    assert (MODELS / card.key / "config.json").is_file()
    readme = (MODELS / card.key / "README.md").read_text(encoding="utf-8")
    assert f"\n# `{card.key}`" in readme
    assert f"license: {card.licence.casefold()}" in readme


@bundled
def test_the_score_of_a_bundled_model_is_what_its_model_card_measured(card):
    """As a share in the card's table, "0.9002", and in per cent in the catalogue, "90.0 %"; or as it is."""
    readme = (MODELS / card.key / "README.md").read_text(encoding="utf-8")
    cells = [cell.strip() for line in readme.splitlines() if line.startswith("|") for cell in line.split("|")]
    measured = [cell for cell in cells if re.fullmatch(r"\d+\.\d+", cell)]
    number, percent = re.search(r"(\d+\.\d+)( %)?", card.score).groups()
    assert number in ([f"{100 * float(cell):.1f}" for cell in measured] if percent else measured)


@bundled
def test_a_bundled_model_says_where_its_weights_come_from(card):
    weights = MODELS / card.key / "model.safetensors"
    assert card.wheel in WHEELS or weights.is_file()
    if card.wheel:
        assert card.wheel in (MODELS / card.key / "README.md").read_text(encoding="utf-8") or card.wheel == "minilm"


@pytest.mark.parametrize("wheel", WHEELS.values(), ids=lambda wheel: wheel.key)
def test_every_wheel_is_credited_with_its_checksum_and_licence(wheel):
    rows = (MODELS.parent / "THIRD_PARTY.md").read_text(encoding="utf-8").splitlines()
    (row,) = [row for row in rows if f"`{wheel.package}=={wheel.version}`" in row]
    assert wheel.sha256 in row
    assert wheel.licence in row


def test_the_bundled_files_are_small():
    files = [file for file in MODELS.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) < MOST_MEGABYTES * 1e6


@pytest.mark.parametrize("card", HUB, ids=lambda card: card.key)
def test_a_hub_card_has_an_owner_and_a_size_but_no_score(card):
    assert card.source == "hub"
    assert card.key.count("/") == 1
    assert card.score == card.wheel == ""
    assert card.megabytes > 50
    assert "needs the model hub" in dict(list_facts(card))["Source"]


def test_a_revision_is_pinned_where_transformers_pins_it_and_nowhere_else():
    defaults = [task["default"]["model"] for task in SUPPORTED_TASKS.values() if "model" in task.get("default", {})]
    pinned = dict(default for default in defaults if isinstance(default, tuple))
    revisions = {card.key: card.revision for card in HUB}
    assert revisions == {key: pinned.get(key, "") for key in revisions}
    assert len(set(revisions.values())) > 2


@every
def test_the_tasks_of_a_card_can_be_loaded_and_its_languages_have_names(card):
    assert set(card.tasks) <= set(AUTO)
    assert len(set(card.tasks)) == len(card.tasks) > 0
    assert set(card.languages) <= set(LANGUAGES)
    assert (card.languages == ()) == (card.tasks == ("image_classification",))


@every
def test_every_method_either_works_on_a_model_or_has_a_reason(card):
    assert card.provides <= set(PROVIDED)
    works, lacks = list_methods(card), {method.key: reason for method, reason in list_missing(card)}
    assert {method.key for method in works} | set(lacks) == set(METHODS)
    assert not {method.key for method in works} & set(lacks)
    assert "integrated_gradients" in {method.key for method in works}
    shown = dict(list_facts(card))
    for key, reason in lacks.items():
        assert shown[METHODS[key].label] == f"does not work with this model: needs {reason}"
        assert METHODS[key].needs - card.provides


def test_the_presence_of_a_model_is_described():
    sentiment, gpt2 = CARDS["sentiment"], CARDS["openai-community/gpt2"]
    assert describe_location(sentiment, "loaded") == describe_location(gpt2, "loaded") == "Loaded now"
    assert describe_location(gpt2, "here") == "On this machine"
    assert describe_location(sentiment, "away") == "Downloads 84 MB at first use"
    assert describe_location(gpt2, "away") == "Needs the model hub"


def test_the_labels_of_bundled_models_fit_the_picker_in_the_sidebar():
    """The picker is 206 pixels wide, and an input cannot break its line: 31 letters were already too many."""
    assert max(len(card.label) for card in CARDS.values() if card.source == "bundled") <= 30
