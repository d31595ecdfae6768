"""The public contract: names, commands, page addresses, query keys and file formats."""

import csv
import importlib
import io
import json
import re
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

import explainers
import explainers.classic
import explainers.loading
from explainers import Request, Target
from explainers.__main__ import main
from tests.support.recorder_cases import LONGER, change_to_model_folder

ROOT = Path(__file__).parent.parent
PAGES = [
    "about",
    "compare",
    "fill_mask",
    "home",
    "image_classification",
    "models",
    "multi_label_classification",
    "pair_classification",
    "question_answering",
    "text_classification",
    "text_generation",
    "token_classification",
    "translation",
    "zero_shot_classification",
]
ASKING = ["--foil", "--help", "--input", "--method", "--model", "--out", "--seed", "--set", "--target"]


def test_the_public_names_are_these():
    assert set(explainers.__all__) >= (
        {
            "ATTACKS",
            "CARDS",
            "METHODS",
            "METRICS",
            "TASKS",
            "Attack",
            "Bundle",
            "Edit",
            "ExplainerError",
            "Explanation",
            "Faithfulness",
            "Feature",
            "Prediction",
            "Request",
            "Target",
            "attack",
            "evaluate",
            "explain",
            "predict",
        }
    )
    assert set(explainers.classic.__all__) >= {
        "ImageClassificationExplainer",
        "MultiLabelClassificationExplainer",
        "PairwiseSequenceClassificationExplainer",
        "QuestionAnsweringExplainer",
        "SequenceClassificationExplainer",
        "TokenClassificationExplainer",
        "ZeroShotClassificationExplainer",
    }
    for module in (explainers, explainers.classic):
        assert all(hasattr(module, name) for name in module.__all__)
    loading = importlib.import_module("explainers.loading")
    assert callable(loading.load)
    assert loading.Bundle is explainers.Bundle


def test_the_tasks_methods_attacks_metrics_and_bundled_models_have_these_keys():
    assert set(explainers.TASKS) >= (set(PAGES) - {"about", "compare", "home", "models"})
    assert set(explainers.METHODS) >= {
        "allennlp_gradient",
        "allennlp_integrated_gradient",
        "allennlp_smooth_gradient",
        "attention",
        "attention_rollout",
        "deep_lift",
        "discretized_integrated_gradients",
        "grad_cam",
        "gradient_shap",
        "input_x_gradient",
        "integrated_gradients",
        "kernel_shap",
        "layer_deep_lift",
        "layer_gradient_x_activation",
        "layer_integrated_gradients",
        "lime",
        "noise_tunnel",
        "occlusion",
        "reagent",
        "saliency",
        "sequential_integrated_gradients",
        "shapley_value_sampling",
        "smooth_grad",
        "sobol",
        "square_grad",
        "value_zeroing",
        "var_grad",
    }
    assert set(explainers.ATTACKS) >= {"hotflip", "input_reduction", "random_swap"}
    assert set(explainers.METRICS) >= {"comprehensiveness", "infidelity", "leave_one_out", "sufficiency"}
    assert {key for key, card in explainers.CARDS.items() if card.source == "bundled"} >= {
        "sentiment",
        "emotions",
        "nli",
        "similarity",
        "relevance",
        "questions",
        "entities",
        "fill-mask",
        "tr-en",
        "smollm2",
        "efficientnet-lite0",
        "objects",
    }


@pytest.mark.parametrize(
    ("verb", "options"),
    [
        ("explain", ASKING),
        ("attack", sorted([*ASKING, "--field", "--protect"])),
        ("evaluate", ASKING),
        ("fetch", ["--help"]),
    ],
)
def test_the_commands_have_these_verbs_and_options(verb, options, capsys):
    assert main([verb, "--help"]) == 0
    assert set(re.findall(r"(?<![\w-])--[a-z]+", capsys.readouterr().out)) >= set(options)
    assert main(["--help"]) == 0
    assert verb in re.findall(r"\w+", capsys.readouterr().out)


def test_the_pages_have_these_addresses():
    assert {file.stem for file in (ROOT / "pages").glob("*.py")} >= set(PAGES)


def test_a_link_has_these_keys():
    whole = Request(
        "text_classification",
        "sentiment",
        {"text": "A text", "image": b"an image"},
        "lime",
        Target("POSITIVE", index=1, position=2, foil="NEGATIVE"),
        {"samples": 100},
        seed=3,
    )
    assert whole.to_query() == {
        "task": "text_classification",
        "model": "sentiment",
        "method": "lime",
        "target": "POSITIVE",
        "index": "1",
        "position": "2",
        "foil": "NEGATIVE",
        "seed": "3",
        "samples": "100",
        "in.text": "A text",
        "im.image": "a5df3fde7b200c3fa2791144c7e05c5c2bced4c6ad863d3a4cf76c972c1712f9",
    }
    packed = "task=text_classification&model=sentiment&z=eNqrVsrM0ytJrShRslJQclQAs2oBSyYGyw"
    assert Request.from_query(dict(parse_qsl(packed))) == Request(
        "text_classification", "sentiment", {"text": "A text"}
    )


HEADS = {
    "explain": (
        "wherefore/1",
        "about additive baselines converged evaluations features format frame grid mismatch notices prediction request"
        " scores seconds segments signed spread steps targets texts unit values",
        "target input start end special text score spread",
    ),
    "attack": (
        "wherefore-attack/1",
        "attack evaluations field format protected reason request seconds settings shortest steps success wanted",
        "step change says probability estimate text",
    ),
    "evaluate": (
        "wherefore-check/1",
        "blank curves evaluations every_order format fractions measures piece pieces random request row seconds signed"
        " target unit value verdict",
        "target measure value random low high verdict",
    ),
}


@pytest.mark.parametrize("verb", HEADS)
def test_a_file_has_this_format_these_keys_and_these_columns(verb, tmp_path):
    name, keys, columns = HEADS[verb]
    words = [verb, *["hotflip"] * (verb == "attack"), "text_classification", f"text={LONGER}"]
    words += ["--model", "./text_classification", "--method", "saliency", "--out"]
    with change_to_model_folder():
        for kind in ("json", "csv"):
            assert main([*words, str(tmp_path / f"out.{kind}")]) == 0
    found = json.loads((tmp_path / "out.json").read_text("utf-8"))
    assert found["format"] == name
    assert set(found) >= set(keys.split())
    table = csv.reader(io.StringIO((tmp_path / "out.csv").read_text("utf-8")))
    assert next(table) == columns.split()
