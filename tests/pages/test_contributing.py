"""CONTRIBUTING.md stays true: a copy of the repository with its examples in it has what they add."""

import ast
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
from tests.support.nli import make_named
from tests.test_architecture import ORDER

TEXT = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
BLOCKS = re.findall(r"^```python\n# ([\w/.]+)(?:, in ([\w.]+))?\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
FILES = [path for path, table, _ in BLOCKS if not table]


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the repository with every block of the document in its place."""
    folder = tmp_path_factory.mktemp("copy")
    for name in ("explainers", "pages", ".streamlit"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("app.py", "pyproject.toml"):
        shutil.copy(ROOT / name, folder / name)
    for name in ("assets", "models"):
        (folder / name).symlink_to(ROOT / name)
    for path, table, text in BLOCKS:
        file = folder / path
        file.write_text(add_rows(file.read_text("utf-8"), table, text) if table else text, "utf-8")
    return folder


def add_rows(source, table, rows):
    """Add rows at the end of the table that `source` assigns to this name, or of its import from this module."""
    (node,) = [node for node in ast.parse(source).body if table in names_of(node)]
    lines = source.splitlines(keepends=True)
    return "".join([*lines[: node.end_lineno - 1], rows, *lines[node.end_lineno - 1 :]])


def names_of(node):
    """Return the names that a statement assigns to, or the module that it imports from."""
    if isinstance(node, ast.ImportFrom):
        return {node.module}
    return {ast.unparse(target) for target in node.targets} if isinstance(node, ast.Assign) else set()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder of a tiny model that predicts what a customer wants."""
    place = tmp_path_factory.mktemp("intents")
    for part in make_named("bert", ("parcel", "refund", "praise")):
        part.save_pretrained(place)
    return str(place)


def test_it_shows_one_of_everything_that_can_be_added():
    folders = {Path(path).parent.name for path in FILES}
    assert folders == {"methods", "attacks", "evaluation", "tasks", "pages", "panels", "text"}
    assert [path for path, _, text in BLOCKS if "Card(" in text] == ["explainers/models/catalogue.py"]


def test_it_names_existing_files_and_the_order_of_imports():
    prose = re.sub(r"^```\w*\n.*?^```$", "", TEXT, flags=re.MULTILINE | re.DOTALL)
    paths = re.findall(r"`((?:explainers|pages|tests|training)/[\w/.]*)`", prose)
    assert paths
    assert [path for path in paths if not (ROOT / path).exists()] == []
    assert ORDER in " ".join(TEXT.split())


def test_its_files_follow_our_style(copy):
    for command in (["check"], ["format", "--check"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--no-cache", *FILES]
        done = subprocess.run(ruff, cwd=copy, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


USE = """
import sys
import numpy as np
from explainers import CARDS, METHODS, Request, attack, evaluate, explain, predict
from explainers.visualization.text.podium import render_podium

text, folder = "The soup was cold, the waiter was rude.", sys.argv[1]
request = Request("intent_classification", folder, {"text": text}, "alone", params={"level": "token"})
explanation = explain(request)
assert METHODS["alone"].label == "Alone"
assert Request.from_query(request.to_query()) == request

places = [i for i, feature in enumerate(explanation.features) if not feature.special]
assert np.abs(explanation.scores[0][places]).max() > 1e-3
single = explain(Request("intent_classification", folder, {"text": "."}, "alone"))  # a text of one word
places = [i for i, feature in enumerate(single.features) if not feature.special]
assert np.isclose(single.scores[0][places].sum(), single.values[0] - single.baselines[0], atol=1e-6)

faithfulness = evaluate(explanation)
assert faithfulness.measure("strongest").label == "Fall without the strongest"
assert abs(faithfulness.measure("strongest").value) > 1e-6

attacked = attack("typos", Request("text_classification", folder, {"text": text}), params={"words": 1})
assert sorted(attacked.texts[0]) == sorted(attacked.texts[1])
assert attacked.edits or not attacked.success

assert predict(request).targets[0].label in ("parcel", "refund", "praise")
assert "HuggingFaceTB/SmolLM2-360M-Instruct" in CARDS
assert render_podium(explanation).count("<li>") == 3
"""


def test_the_library_has_its_method_attack_metric_task_model_and_view(copy, folder):
    command = [sys.executable, "-W", "ignore", "-c", USE, folder]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False, timeout=500)
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
