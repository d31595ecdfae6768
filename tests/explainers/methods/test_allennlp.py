"""The three methods of AllenNLP by its own formulas, computed on the loss of the model itself."""

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


def asked(method, **parts):
    return Request("text_classification", "tiny", {"text": TEXT}, method, **parts)


def gradients(bundle, points, label):
    """Of the cross entropy of the label at embeddings (N, F, D), one at a time as AllenNLP computes them."""
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
def test_the_numbers_are_those_of_allennlps_formulas(bundle, label):
    x = bundle.embeddings.word(bundle.tokenizer(TEXT, return_tensors="pt")["input_ids"]).detach()  # (1, F, D)
    simple = explain(asked("allennlp_gradient", target=label), bundle=bundle)
    index = simple.targets[0].index
    assert label in (None, index)
    np.testing.assert_allclose(simple.scores[0], shares((gradients(bundle, x, index)[0] * x[0]).sum(-1)), atol=1e-5)

    on_the_way = torch.cat([x * alpha for alpha in np.linspace(0, 1.0, num=10, endpoint=False)]).float()
    integrated = (gradients(bundle, on_the_way, index).mean(0) * x[0]).sum(-1)
    found = explain(asked("allennlp_integrated_gradient", target=label), bundle=bundle)
    np.testing.assert_allclose(found.scores[0], shares(integrated), atol=1e-5)

    copies = NoisyCopies(x, 0.01 * float(x.max() - x.min()), 10, 7)[0:10]
    smooth = gradients(bundle, copies, index).mean(0).sum(-1)
    found = explain(asked("allennlp_smooth_gradient", target=label, seed=7), bundle=bundle)
    if bundle.model.config.model_type == "bert":  # whose layer norm takes all sums away: AllenNLP shows rounding
        assert "nothing but rounding" in found.notices[0]
    else:
        np.testing.assert_allclose(found.scores[0], shares(smooth), atol=1e-5)
        assert not found.notices
    assert found.spread.shape == found.scores.shape
    for one in (simple, found):
        assert one.scores.sum() == pytest.approx(1, abs=1e-5)
        assert not one.signed


@pytest.mark.parametrize("more", [{"params": {"unit": "logit"}}, {"target": Target("LABEL_0", foil="LABEL_1")}])
def test_what_is_no_probability_has_no_loss(bundle, more):
    with pytest.raises(BadRequest, match="Set Unit to probability, and compare with no other label"):
        explain(asked("allennlp_gradient", **more), bundle=bundle)
