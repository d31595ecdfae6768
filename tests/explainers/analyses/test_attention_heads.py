"""Attention heads: the model's own attention at the position that predicts a token, drawn cell by cell."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from explainers import TASKS, Bundle, Feature, Request, explain
from explainers.analyses.attention_heads import HeadsRequest, read_heads
from explainers.errors import BadRequest
from explainers.visualization.charts.attention_heads import describe_figure, draw_layer, draw_token
from tests.support.explanations import EVIL
from tests.support.hub import make_loaded

REQUEST = Request("text_generation", "tiny", {"prompt": "the soup was cold", "continuation": "and the waiter"})


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_heads_are_the_models_own_attention_at_the_position_before_the_token(kind):
    bundle = Bundle.of(*make_loaded(kind, task="text_generation"))
    explanation = explain(replace(REQUEST, method="saliency"), bundle=bundle)
    row = len(explanation.targets) - 1
    heads = read_heads(HeadsRequest(REQUEST, row), bundle=bundle)
    before = bundle.tokenizer(REQUEST.texts["prompt"], return_tensors="pt")["input_ids"]
    ids = torch.cat([before, torch.tensor([[target.index for target in explanation.targets]])], dim=1)
    place = explanation.targets[row].position
    with torch.no_grad():
        own = torch.stack(bundle.model(ids, output_attentions=True).attentions)[:, 0, :, place - 1]  # (L, H, F)
    assert_allclose(heads.weights, own, atol=1e-6)
    assert_allclose(heads.weights.sum(-1), np.ones(own.shape[:2]), rtol=1e-5)
    assert (heads.weights[:, :, place:] == 0).all()
    assert heads.features == explanation.features
    layer, head, share = heads.find_strongest(0, 1)[0]
    assert share == heads.weights[:, :, 0].max() == heads.weights[layer - 1, head - 1, 0]
    with pytest.raises(BadRequest, match=f"no token {row + 2}"):
        read_heads(HeadsRequest(REQUEST, row + 1), bundle=bundle)


def test_heads_of_a_decoder_are_half_cross_attention_and_half_self_attention():
    bundle = Bundle.of(*make_loaded("marian", task="translation"))
    request = Request("translation", "tiny", {"source": "the soup was cold", "target": "and the waiter"}, "saliency")
    explanation = explain(request, bundle=bundle)
    row = len(explanation.targets) - 1
    heads = read_heads(HeadsRequest(request, row), bundle=bundle)
    source = bundle.tokenizer(request.texts["source"], return_tensors="pt")["input_ids"]
    start = bundle.model.config.decoder_start_token_id
    ids = torch.tensor([[start, *(target.index for target in explanation.targets)]])
    with torch.no_grad():
        output = bundle.model(input_ids=source, decoder_input_ids=ids, output_attentions=True)
    cross, own = (torch.stack(layers)[:, 0, :, row] for layers in (output.cross_attentions, output.decoder_attentions))
    assert_allclose(heads.weights, torch.cat([cross, own], dim=-1) / 2, atol=1e-6)
    assert heads.features == explanation.features


@pytest.mark.parametrize(("kind", "task"), [("llama", "text_generation"), ("marian", "translation")])
def test_zeroed_values_of_each_layer_equal_those_of_the_value_zeroing_method(kind, task):
    bundle = Bundle.of(*make_loaded(kind, task=task))
    names = [field.name for field in TASKS[task].fields]
    request = Request(task, "tiny", {names[0]: "the soup was cold", names[1]: "and the waiter"}, "value_zeroing")
    mean = explain(replace(request, params={"through": "mean"}), bundle=bundle)
    last = explain(replace(request, params={"through": "last"}), bundle=bundle)
    row = len(mean.targets) - 1
    heads = read_heads(HeadsRequest(request, row, "zeroing"), bundle=bundle)
    assert heads.weights.shape[1] == 1
    assert_allclose(heads.weights.sum(-1), np.ones(heads.weights.shape[:2]), rtol=1e-4)
    assert_allclose(
        np.nan_to_num(mean.scores[row]), heads.weights[:, 0].mean(0) * ~np.isnan(mean.scores[row]), atol=1e-5
    )
    assert_allclose(np.nan_to_num(last.scores[row]), heads.weights[-1, 0] * ~np.isnan(last.scores[row]), atol=1e-5)


def test_a_cell_is_a_head_of_a_layer_or_a_piece_and_words_say_the_strongest():
    weights = np.array([[0.25, 0.75, 0.0], [0.5, 0.125, 0.375]], np.float32)
    figure = draw_token(weights, EVIL[0])
    assert_allclose(figure.data[0].z, weights)
    assert (figure.data[0].x[1], figure.data[0].y[1], figure.data[0].zmax) == ("head 2", "layer 2", 0.75)
    assert "<img" not in figure.to_json()
    features = [Feature("a", "prompt", 0, 1), Feature(" ", "prompt", 1, 1), Feature("a", "prompt", 2, 3)]
    drawn = draw_layer(weights, features, "head")
    assert list(drawn.data[0].x) == ["1 a", "2 ␣", "3 a"]
    assert describe_figure(weights, ("head", "piece"), ["a", "b", "c"]).endswith(
        "head 1: piece b 75 %; head 2: piece a 50 %."
    )
