"""CONTRIBUTING.md keeps its promises: a copy of the repository with its examples in it has what they add."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.pages.conftest import PATIENCE
from tests.support import page_actions
from tests.support.browser import ROOT, start_server
from tests.support.nli import named

TEXT = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
BLOCKS = re.findall(r"^```python\n# ([\w/.]+)(?:, below: ([^\n]+))?\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """The repository with every block of the document in its place."""
    folder = tmp_path_factory.mktemp("copy")
    for name in ("explainers", "pages", ".streamlit"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("app.py", "pyproject.toml"):
        shutil.copy(ROOT / name, folder / name)
    for name in ("assets", "models"):
        (folder / name).symlink_to(ROOT / name)
    for name, anchor, text in BLOCKS:
        (folder / name).write_text(text if not anchor else inserted(folder / name, anchor, text), "utf-8")
    return folder


def inserted(file, anchor, text):
    """The file's text with more below the first line that begins with the anchor."""
    lines = file.read_text("utf-8").splitlines(keepends=True)
    place = next(i for i, line in enumerate(lines) if line.strip().startswith(anchor))
    return "".join([*lines[: place + 1], text, *lines[place + 1 :]])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tiny model that tells what a customer wants."""
    place = tmp_path_factory.mktemp("intents")
    for part in named("bert", ("parcel", "refund", "praise")):
        part.save_pretrained(place)
    return str(place)


def test_it_shows_one_of_everything_that_can_be_added():
    assert {Path(name).parent.name for name, anchor, _ in BLOCKS if not anchor} == {
        *("methods", "attacks", "metrics", "tasks", "views", "pages", "panels")
    }
    assert [name for name, _, text in BLOCKS if "Card(" in text] == ["explainers/models/catalogue.py"]


def test_its_files_are_written_as_ours_are(copy):
    files = [name for name, anchor, _ in BLOCKS if not anchor]
    for command in (["check"], ["format", "--check"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--no-cache", *files]
        done = subprocess.run(ruff, cwd=copy, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


USE = """
import sys
import numpy as np
from explainers import CARDS, METHODS, Request, attack, evaluate, explain, predict
from explainers.visualization.podium import podium

text, folder = "The soup was cold, the waiter was rude.", sys.argv[1]
request = Request("intent_classification", folder, {"text": text}, "alone", params={"level": "token"})
found = explain(request)
assert METHODS["alone"].label == "Alone"
assert Request.from_query(request.to_query()) == request

nothing = found.baselines[0]
places = [i for i, feature in enumerate(found.features) if not feature.special]
assert np.abs(found.scores[0][places]).max() > 1e-3
full = explain(Request("intent_classification", folder, {"text": "."}, "alone"))
alone = [i for i, feature in enumerate(full.features) if not feature.special]  # of a text of one word
assert np.isclose(full.scores[0][alone].sum(), full.values[0] - full.baselines[0], atol=1e-6)

checked = evaluate(found)
assert checked.measure("strongest").label == "Fall without the strongest"
assert abs(checked.measure("strongest").value) > 1e-6

fought = attack("typos", Request("text_classification", folder, {"text": text}), params={"words": 1})
assert sorted(fought.texts[0]) == sorted(fought.texts[1])
assert fought.texts[0] != fought.texts[1] or "right way" in fought.reason

assert predict(request).targets[0].label in ("parcel", "refund", "praise")
assert "HuggingFaceTB/SmolLM2-360M-Instruct" in CARDS
assert podium(found).count("<li>") == 3
"""


def test_the_library_has_its_method_attack_metric_task_model_and_view(copy, folder):
    asked = [sys.executable, "-W", "ignore", "-c", USE, folder]
    done = subprocess.run(asked, cwd=copy, capture_output=True, text=True, check=False, timeout=500)
    assert done.returncode == 0, done.stderr


def test_the_page_of_its_task_explains_by_its_method_in_its_panel_and_by_a_link(
    page: Page,
    browser: Browser,
    copy: Path,
    folder: str,
    tmp_path: Path,
):
    with start_server(tmp_path, copy) as server:
        page_actions.open_task(page, server, "intent_classification", model=folder, method="alone")
        expect(page.get_by_role("combobox", name="Method")).to_have_value("Alone")
        page_actions.explain(page, {"Message": "The soup was cold, the waiter was rude."})
        page.locator(".wf-map").wait_for(timeout=4 * PATIENCE)  # a fresh server
        mine = page_actions.read_scores(page)
        assert len(mine) == 10
        page.get_by_role("radio", name="Podium").click()
        expect(page.locator(".wf-podium li")).to_have_count(3)
        page.get_by_role("radio", name="Share").click()
        address = page_actions.copy_link(page)
        assert "method=alone" in address
        assert page_actions.read_scores_as_guest(browser, address) == mine
        page.close()
