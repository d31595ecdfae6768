"""The data of the interactive view of a generation."""

import base64
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from explainers.request import Target
from explainers.results.explanation import Feature, Prediction
from explainers.results.granularity import Grouping, aggregate
from explainers.results.step_scores import STEP_SCORE_INFO
from explainers.visualization.charts.generation_matrix import draw_matrix
from explainers.visualization.summaries.generation import describe_generation
from explainers.visualization.text.generation import CSS, SCRIPT, make_payload, name_target, pack_scores
from tests.support.explanations import EVIL, ParsedHtml
from tests.support.generations import NAN, features_of, generation

SCORES = [[0.1, 0.2, -0.3, 0.9, 0.5], [0.25, 0, 0.1, -0.2, 0.1, 0.8], [0.1, 0.1, 0.1, 0.1, 0.1, -0.2, 0.6]]


def unpack_scores(payload):
    """Return the scores as the script computes them."""
    whole = np.frombuffer(base64.b64decode(payload["scores"]), "<i2").reshape(-1, payload["width"])
    limits = np.array([row["limit"] for row in payload["rows"]])[:, None]
    return np.where(whole == -32768, NAN, whole / 32767 * limits)


def list_parts(payload):
    return [part for field in payload["fields"] for block in field["blocks"] for part in block["parts"]]


def test_the_texts_are_complete_and_each_part_has_its_feature_and_row():
    payload = make_payload(generation())
    prompt, continuation = payload["fields"]
    assert "".join(part[0] for part in prompt["blocks"][0]["parts"]) == "The capital of France is"
    assert continuation["blocks"][0]["parts"] == [[" ", -1, -1, 0], ["Par", 5, 0, 0], ["is", 6, 1, 0], [".", 7, 2, 0]]
    assert [field["title"] for field in payload["fields"]] == ["Prompt", "Continuation"]


def test_packed_scores_are_exact_to_one_30000th_and_keep_nan():
    explanation = generation()
    back = unpack_scores(make_payload(explanation))
    assert_allclose(np.isnan(back), np.isnan(explanation.scores))
    limits = np.nanmax(np.abs(explanation.scores), axis=1, keepdims=True)
    assert np.nanmax(np.abs(back - explanation.scores) / limits) < 1 / 30_000
    zeros, _ = pack_scores(np.zeros((1, 3), np.float32))
    assert zeros.tolist() == [0.0]


def test_a_generation_of_200_tokens_takes_less_than_300_kilobytes():
    given, made = ([f"{kind}{i}" for i in range(200)] for kind in "wo")
    big = generation(given, made, texts=(" ".join(given), " " + " ".join(made)))
    assert len(json.dumps(make_payload(big))) < 300_000
    assert len(draw_matrix(big).to_json()) < 700_000


def test_a_row_has_probability_contrast_alternatives_and_step_scores():
    explanation = generation(steps=(("cross_entropy", (1.23456, 0.0, 2.0)),))
    first = explanation.targets[0]
    others = ((first, Target("Lon", 7, probability=0.2)), (), ())
    explanation = replace(
        explanation,
        targets=(replace(first, foil="Lon"), *explanation.targets[1:]),
        prediction=Prediction(explanation.targets, "x", others),
    )
    payload = make_payload(explanation)
    row = payload["rows"][0]
    assert (row["name"], row["share"], row["foil"]) == ("Par", "50 %", "Lon")
    assert row["instead"] == ["Lon 20 %"]
    assert row["steps"] == ["1.235"]
    assert payload["steps"] == [["Cross-entropy", "nats", STEP_SCORE_INFO["cross_entropy"].summary]]


def test_alternatives_belong_to_single_tokens_not_to_words():
    explanation = generation()
    others = ((Target("Lon", 7, probability=0.2),), (Target("don", 8, probability=0.1),), (Target("!", 9),))
    explanation = replace(explanation, prediction=Prediction(explanation.targets, " Paris.", others))
    paris, dot = make_payload(aggregate(explanation, Grouping("word")))["rows"]
    assert "instead" not in paris
    assert dot["instead"] == ["! 0 %"]


def test_each_role_is_a_block_and_the_text_is_complete():
    segments = (("prompt", 12, 24, "user"), ("prompt", 0, 11, "system"), ("continuation", 0, 7, "assistant"))
    payload = make_payload(generation(segments=segments))
    blocks = [(block["role"], "".join(part[0] for part in block["parts"])) for block in payload["fields"][0]["blocks"]]
    assert blocks == [("Instructions", "The capital"), ("You", "of France is")]
    assert payload["fields"][1]["blocks"][0]["role"] == "Model"


def test_a_whitespace_token_is_a_mark_and_a_special_token_is_unseen():
    explanation = generation()
    features = list(explanation.features)
    features[0] = Feature("<s>", "prompt", special=True)
    features[4] = replace(features[4], text="␣", start=22, end=22)
    payload = make_payload(replace(explanation, features=tuple(features)))
    assert payload["unseen"] == [[0, "<s>"]]
    assert [part for part in list_parts(payload) if part[1] >= 0 and part[3]] == [["␣", 4, -1, 1]]
    assert (
        "".join(part[0] for part in list_parts(payload) if part[1] < 0 or not part[3])
        == "The capital of France is Paris."
    )


def test_truncated_text_is_marked():
    shown = generation(texts=("x y The capital of\u200b France is left out ", " Paris."))
    first, *rest = make_payload(shown)["fields"][0]["blocks"][0]["parts"]
    assert first == ["x y ", -1, -1, 1]
    assert rest[-1] == [" left out ", -1, -1, 1]
    assert not any(part[3] for part in rest[:-1])  # what a tokenizer leaves out between two pieces was read
    assert 'element("span", "wf-unread", text)' in SCRIPT
    assert ".wf-unread" in CSS


def test_equal_results_have_equal_ids():
    assert make_payload(generation())["id"] == make_payload(generation())["id"]
    assert make_payload(generation())["id"] != make_payload(generation(scores=SCORES))["id"]


def test_an_aggregated_generation_keeps_its_text():
    payload = make_payload(aggregate(generation(), Grouping("word")))
    assert "".join(part[0] for part in list_parts(payload)) == "The capital of France is Paris."
    assert [row["name"] for row in payload["rows"]] == ["Paris", "."]


@pytest.mark.parametrize("evil", EVIL)
def test_hostile_tokens_are_escaped_in_payload_summary_and_figure(evil):
    explanation = generation((evil, "b"), (evil, "c"), texts=(f"{evil} b", f" {evil} c"))
    assert json.loads(json.dumps(make_payload(explanation)))["rows"][0]["name"]
    assert "\u202e" not in json.dumps(make_payload(explanation), ensure_ascii=False)
    assert not {"img", "script", "style"} & {tag for tag, _ in ParsedHtml(describe_generation(explanation)).elements}
    figure = draw_matrix(explanation).to_json()
    assert "<img" not in figure
    assert "<script" not in figure
    assert "innerHTML" not in SCRIPT


def test_a_whitespace_name_is_visible():
    explanation = generation()
    features = (*explanation.features[:5], replace(explanation.features[5], text=" \n"), *explanation.features[6:])
    assert name_target(replace(explanation, features=features), 0) == "␣"
    assert features_of("prompt", "a b", ("a", "b"))[1].word == 1


def test_the_view_has_no_animation_and_uses_the_palette():
    assert not re.search("transition|animation", CSS + SCRIPT)
    assert ".wf-p" in CSS
