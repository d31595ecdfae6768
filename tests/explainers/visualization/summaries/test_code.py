"""The Python code of an explanation computes the same scores."""

import numpy as np
import pytest

from explainers import Request, Target, explain
from explainers.visualization.summaries.provenance import write_code
from tests.support.sentences import SENTENCES
from tests.support.tiny import tiny


def bits(array):
    return array.view(np.uint32).tolist()


SETTINGS = [
    {},
    {"params": {"tolerance": 0.02, "baseline": "mask", "most_passes": 300}},
    {"method": "smooth_grad", "params": {"samples": 3, "noise": 0.25}, "seed": 5, "target": 2},
    {
        "method": "layer_integrated_gradients",
        "params": {"steps": 7, "unit": "logit"},
        "target": Target("LABEL_0", foil="LABEL_1"),
    },
    {"method": "saliency", "params": {"norm": "L2"}},
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "tiny"
    for part in tiny("bert"):
        part.save_pretrained(path)
    return path


@pytest.mark.parametrize("changes", SETTINGS, ids=str)
def test_the_code_computes_the_same_scores(folder, changes, capsys):
    request = Request(
        **{"task": "text_classification", "model": str(folder), "inputs": {"text": SENTENCES[1]}} | changes
    )
    first = explain(request)
    space: dict[str, object] = {}
    exec(write_code(first), space)
    assert bits(space["explanation"].scores) == bits(first.scores)
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f"{score:+.4f}  {text}" for text, score in first.by_word().pairs()]
