"""Attention, rollout, value zeroing and layer gradients against the model's own weights, states and gradients."""

import numpy as np
import pytest
import torch
from captum.attr import LayerGradientXActivation

from explainers import Bundle, Request, explain
from explainers.errors import BadRequest, Incompatible
from explainers.methods.attention import attention, compute_rollout, value_zeroing
from tests.support.problems import change_problem, make_linear_problem
from tests.support.sentences import SENTENCES
from tests.support.tiny import tiny

TEXT = SENTENCES[1]


def make_request(method, task="text_classification", inputs=None, **params):
    return Request(task, "tiny", inputs or {"text": TEXT}, method, params=params)


@pytest.fixture(scope="module", params=["bert", "gpt2"])
def bundle(request):
    """A model that reads its answer from the first token, and one that reads it from the last token."""
    return Bundle.of(*tiny(request.param, attn_implementation="eager"))


def find_read_token(bundle):
    return 0 if bundle.model.config.model_type == "bert" else -1


def compute_weights(bundle):
    with torch.no_grad():
        output = bundle.model(**bundle.tokenizer(TEXT, return_tensors="pt"), output_attentions=True)
    return torch.cat(output.attentions).numpy()  # (L, H, F, F)


def test_attention_is_the_row_of_the_token_that_the_answer_is_read_from(bundle):
    weights = compute_weights(bundle)
    right = {
        (0, 0): weights.mean((0, 1)),
        (2, 0): weights[1].mean(0),
        (0, 3): weights.mean(0)[2],
        (1, 4): weights[0, 3],
    }
    for (layer, head), rows in right.items():
        explanation = explain(make_request("attention", layer=layer, head=head), bundle=bundle)
        np.testing.assert_allclose(explanation.scores[0], rows[find_read_token(bundle)], atol=1e-6)
        assert not explanation.signed
    with pytest.raises(BadRequest, match="no layer 3"):
        explain(make_request("attention", layer=3), bundle=bundle)
    with pytest.raises(BadRequest, match="no head 5"):
        explain(make_request("attention", head=5), bundle=bundle)


def test_rollout_of_a_text_is_the_product_of_its_layers_averaged_with_the_identity(bundle):
    weights = compute_weights(bundle).mean(1)
    joint = np.eye(weights.shape[-1])
    for layer in weights:
        joint = (layer / 2 + np.eye(len(layer)) / 2) @ joint
    explanation = explain(make_request("attention_rollout"), bundle=bundle)
    np.testing.assert_allclose(explanation.scores[0], joint[find_read_token(bundle)], atol=1e-6)


def test_shares_sum_to_one_when_several_tokens_are_read():
    """The start and the end of an answer are read from different tokens."""
    bundle = Bundle.of(*tiny("bert", task="question_answering", attn_implementation="eager"))
    inputs = {"question": "Who was rude?", "context": TEXT}
    for method in ("attention", "attention_rollout", "value_zeroing"):
        explanation = explain(make_request(method, "question_answering", inputs), bundle=bundle)
        np.testing.assert_allclose(explanation.scores.sum(1), 1, atol=1e-5)
        assert explanation.scores.shape[0] == 3


@pytest.mark.parametrize("through", ["rollout", "mean", "last"])
def test_value_zeroing_combines_the_distances_of_each_layer(through):
    generator = torch.Generator().manual_seed(4)
    moved = torch.rand(3, 5, 5, generator=generator)
    found, *_ = make_linear_problem(5, 3)
    gradients = torch.zeros(2, 5, 3)
    gradients[0, 2], gradients[1, 4] = 1.0, -2.0  # the first target reads token 2, the second token 4
    problem = change_problem(found, zeroing=lambda batch: moved, hidden=lambda layer: (found.x, gradients))
    one, two, three = moved / moved.sum(2, keepdim=True)
    right = {"rollout": three @ two @ one, "mean": (one + two + three) / 3, "last": three}[through]
    torch.testing.assert_close(value_zeroing(problem, through=through).scores, right[[2, 4]])


def test_without_gradient_all_tokens_are_read_equally():
    found, *_ = make_linear_problem(5, 3)
    weights = torch.rand(2, 3, 5, 5, generator=torch.Generator().manual_seed(2)).softmax(-1)
    problem = change_problem(found, attentions=lambda: weights, hidden=lambda layer: (found.x, torch.zeros(2, 5, 3)))
    torch.testing.assert_close(attention(problem).scores, weights.mean((0, 1)).mean(0).expand(2, 5))


@pytest.mark.parametrize("layer", [1, 2])
def test_layer_gradient_x_activation_equals_captum(layer):
    bundle = Bundle.of(*tiny("bert", attn_implementation="eager"))
    explanation = explain(make_request("layer_gradient_x_activation", layer=layer, unit="logit"), bundle=bundle)
    inputs = bundle.tokenizer(TEXT, return_tensors="pt")
    embedded = bundle.embeddings.word(inputs["input_ids"]).detach().requires_grad_()
    mask = {name: tensor for name, tensor in inputs.items() if name != "input_ids"}
    captum = LayerGradientXActivation(
        lambda x: bundle.model(inputs_embeds=x, **mask).logits, bundle.model.bert.encoder.layer[layer - 1]
    )
    right = captum.attribute(embedded, target=explanation.targets[0].index)
    right = (right[0] if isinstance(right, tuple) else right).sum(-1).detach().numpy()
    np.testing.assert_allclose(explanation.scores, right, atol=1e-5)
    assert np.abs(right).max() > 1e-3


@pytest.mark.parametrize("method", ["attention", "attention_rollout", "value_zeroing", "layer_gradient_x_activation"])
def test_inputs_of_several_texts_have_no_common_attention(method):
    bundle = Bundle.of(*tiny("bert", attn_implementation="eager"))
    inputs = {"text": TEXT, "labels": "a, b"}
    with pytest.raises(Incompatible, match="reads several texts"):
        explain(make_request(method, "zero_shot_classification", inputs, entailment="LABEL_1"), bundle=bundle)


def test_rollout_of_one_layer_is_its_mean_with_the_identity():
    weights = torch.rand(1, 2, 4, 4, generator=torch.Generator().manual_seed(1)).softmax(-1)
    torch.testing.assert_close(compute_rollout(weights), weights[0].mean(0) / 2 + torch.eye(4) / 2)
