"""The methods of AllenNLP against its formulas, computed from the loss of the model."""

import numpy as np
import pytest
import torch

from explainers import Bundle, Request, Target, explain
from explainers.errors import BadRequest
from explainers.problem import NoisyCopies
from tests.support.sentences import SENTENCES
from tests.support.tiny import tiny

TEXT = SENTENCES[1]


@pytest.fixture(scope="module", params=["bert", "llama"])
def bundle(request):
    return Bundle.of(*tiny(request.param, wide=0.15))


def make_request(method, **parts):
    return Request("text_classification", "tiny", {"text": TEXT}, method, **parts)


def gradients(bundle, points, label):
    """Compute gradients of the cross entropy at embeddings (N, F, D), one point at a time as AllenNLP does."""
    inputs = {
        name: tensor for name, tensor in bundle.tokenizer(TEXT, return_tensors="pt").items() if name != "input_ids"
    }
    rows = []
    for point in points:
        point = point[None].requires_grad_()
        loss = bundle.model(inputs_embeds=point, labels=torch.tensor([label]), **inputs).loss
        rows.append(torch.autograd.grad(loss, point)[0])
    return torch.cat(rows)


def shares(values):
    return (values.abs() / values.abs().sum()).numpy()


@pytest.mark.parametrize("label", [None, 0, 2])
def test_scores_equal_those_of_allennlps_formulas(bundle, label):
    x = bundle.embeddings.word(bundle.tokenizer(TEXT, return_tensors="pt")["input_ids"]).detach()  # (1, F, D)
    simple = explain(make_request("allennlp_gradient", target=label), bundle=bundle)
    index = simple.targets[0].index
    assert label in (None, index)
    np.testing.assert_allclose(simple.scores[0], shares((gradients(bundle, x, index)[0] * x[0]).sum(-1)), atol=1e-5)

    on_the_way = torch.cat([x * alpha for alpha in np.linspace(0, 1.0, num=10, endpoint=False)]).float()
    integrated = (gradients(bundle, on_the_way, index).mean(0) * x[0]).sum(-1)
    explanation = explain(make_request("allennlp_integrated_gradient", target=label), bundle=bundle)
    np.testing.assert_allclose(explanation.scores[0], shares(integrated), atol=1e-5)

    copies = NoisyCopies(x, 0.01 * float(x.max() - x.min()), 10, 7)[0:10]
    smooth = gradients(bundle, copies, index).mean(0).sum(-1)
    explanation = explain(make_request("allennlp_smooth_gradient", target=label, seed=7), bundle=bundle)
    if bundle.model.config.model_type == "bert":  # its layer norm cancels the sums: AllenNLP shows rounding errors
        assert "nothing but rounding" in explanation.notices[0]
    else:
        np.testing.assert_allclose(explanation.scores[0], shares(smooth), atol=1e-5)
        assert not explanation.notices
    assert explanation.spread.shape == explanation.scores.shape
    for one in (simple, explanation):
        assert one.scores.sum() == pytest.approx(1, abs=1e-5)
        assert not one.signed


@pytest.mark.parametrize("more", [{"params": {"unit": "logit"}}, {"target": Target("LABEL_0", foil="LABEL_1")}])
def test_units_other_than_probability_are_refused(bundle, more):
    with pytest.raises(BadRequest, match="Set Unit to probability, and compare with no other label"):
        explain(make_request("allennlp_gradient", **more), bundle=bundle)
