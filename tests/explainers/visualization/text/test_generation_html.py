"""A generation as an HTML file."""

import base64
import hashlib
import json
import re

import pytest

from explainers.export.html import to_html
from explainers.results.granularity import Grouping, aggregate
from explainers.visualization.text.generation import make_payload
from tests.support.explanations import EVIL, ParsedHtml
from tests.support.generations import generation

SCORES = [[0.1, 0.2, -0.3, 0.9, 0.5], [0.25, 0, 0.1, -0.2, 0.1, 0.8], [0.1, 0.1, 0.1, 0.1, 0.1, -0.2, 0.6]]


def test_the_file_runs_only_the_script_that_its_policy_allows():
    html = to_html(generation(scores=SCORES))
    page = ParsedHtml(html)
    (policy,) = [attributes["content"] for tag, attributes in page.elements if "http-equiv" in attributes]
    (script,) = [data for path, data in page.texts if path and path[-1] == ("script", {})]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy.startswith(f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; ")
    assert not re.search(r"https?://|fetch\(|import\(|XMLHttp|WebSocket", html)
    names = {name for _, attributes in page.elements for name in attributes}
    assert not names & {"src", "href", "srcset", "action", "formaction"}
    assert not [name for name in names if name.startswith("on")]


def test_without_scripts_the_file_lists_every_generated_word_with_its_sources():
    page = ParsedHtml(to_html(generation(scores=SCORES)))
    text = page.text(without=("style", "script"))
    assert "In this text, the model predicts Paris (12 %). “France” and" in text
    assert "Paris12 %France +0.70" in text
    assert ".17 %Paris +0.40" in text
    assert page.text("wf-map").startswith("The capital of France is")


@pytest.mark.parametrize("evil", EVIL)
def test_hostile_text_stays_in_the_data_of_a_file(evil):
    explanation = generation((evil, "b"), (f"{evil}</script>", "c"), texts=(f"{evil} b", f" {evil}</script> c"))
    page = ParsedHtml(to_html(explanation))
    assert not page.open
    assert len([1 for tag, _ in page.elements if tag == "script"]) == 2
    assert "img" not in {tag for tag, _ in page.elements}
    (data,) = [data for path, data in page.texts if path and path[-1][1].get("type") == "application/json"]
    assert json.loads(data) == make_payload(aggregate(explanation, Grouping("word")))
