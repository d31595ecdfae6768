"""A model on another device is explained as on the CPU: only the model is there, and no tensor is on the wrong one."""

import copy
import os

import numpy as np
import pytest
import torch
from PIL import Image

from explainers import Bundle, Request, explain, predict
from explainers.errors import BadRequest, Incompatible
from explainers.models.devices import choose_device
from tests.support.elsewhere import DEVICE, Elsewhere, move, pretend_device
from tests.support.generation_models import bundle_of, request_of
from tests.support.tiny import tiny

TEXT = "the soup was cold"


def explain_on_both(bundle, request):
    """Explain with the model on the CPU, and on the other device."""
    expected = explain(request, bundle=bundle)
    with pretend_device():
        moved = Bundle(bundle.card, move(copy.deepcopy(bundle.model)), bundle.tokenizer, bundle.processor)
        assert all(weight.device == DEVICE for weight in moved.model.parameters())
        return expected, explain(request, bundle=moved)


def check_equal(expected, found):
    np.testing.assert_allclose(found.scores, expected.scores, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(found.values, expected.values, rtol=1e-6)
    assert found.targets == expected.targets
    assert found.steps == expected.steps


GENERATION = [
    ("saliency", {"unit": "logit"}),
    ("occlusion", {"unit": "entropy", "baseline": "mean"}),
    ("value_zeroing", {}),
    ("layer_gradient_x_activation", {}),
]


@pytest.mark.parametrize("kind", ["llama", pytest.param("bart", marks=pytest.mark.slow)])
@pytest.mark.parametrize(("method", "params"), GENERATION, ids=lambda part: part if isinstance(part, str) else "")
def test_generated_text_is_explained_on_another_device(kind, method, params):
    check_equal(*explain_on_both(bundle_of(kind), request_of(kind, "and rude", method, params=params)))


@pytest.mark.parametrize("kind", ["llama", pytest.param("bart", marks=pytest.mark.slow)])
@pytest.mark.parametrize("params", [{}, {"strategy": "sample"}])
def test_text_is_generated_on_another_device(kind, params):
    request = request_of(kind, "", params={"most_new_tokens": 4} | params)
    check_equal(*explain_on_both(bundle_of(kind), request))


@pytest.mark.slow
@pytest.mark.parametrize("method", ["layer_integrated_gradients", "discretized_integrated_gradients", "attention"])
def test_a_class_is_explained_on_another_device(method):
    model, tokenizer = tiny("bert")
    model = copy.deepcopy(model)
    model.set_attn_implementation("eager")
    request = Request("text_classification", "tiny", {"text": TEXT}, method)
    check_equal(*explain_on_both(Bundle.of(model, tokenizer), request))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "method"),
    [("vit", "attention_rollout"), ("resnet", "grad_cam"), ("vit", "saliency"), ("vit", "occlusion")],
)
def test_an_image_is_explained_on_another_device(kind, method):
    model, processor = tiny(kind)
    model = copy.deepcopy(model)
    model.set_attn_implementation("eager")
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    request = Request("image_classification", "tiny", {"image": Image.fromarray(noise)}, method)
    check_equal(*explain_on_both(Bundle.of(model, processor), request))


def test_a_model_on_another_device_is_left_as_it_was():
    bundle = bundle_of("llama")
    with pretend_device():
        moved = Bundle(bundle.card, move(bundle.model), bundle.tokenizer)
        predict(request_of("llama", "and rude"), bundle=moved)
        for module in moved.model.modules():
            assert not module._forward_pre_hooks
            assert not module._forward_hooks
        assert all(isinstance(weight.data, Elsewhere) for weight in moved.model.parameters())


def test_the_other_device_refuses_tensors_of_the_cpu():
    with pretend_device(), pytest.raises(RuntimeError, match="two devices"):
        torch.ones(3).to(DEVICE) + torch.ones(3)


def test_a_model_without_numbers_is_refused():
    bundle = bundle_of("llama")
    bundle.model.to("meta")
    for run in (explain, predict):
        with pytest.raises(Incompatible, match="on the device meta, which stores no numbers"):
            run(request_of("llama"), bundle=bundle)


def test_the_device_of_the_setting_must_exist():
    assert choose_device("cpu") == torch.device("cpu")
    for name in ("gpu", "cuda:77"):
        with pytest.raises(BadRequest, match=f"WHEREFORE_DEVICE is '{name}'"):
            choose_device(name)


@pytest.mark.skipif(not torch.cuda.is_available() or bool(os.environ.get("WHEREFORE_NO_CUDA")), reason="no CUDA here")
@pytest.mark.parametrize(("method", "params"), GENERATION, ids=lambda part: part if isinstance(part, str) else "")
def test_a_model_on_a_gpu_is_explained_as_on_the_cpu(method, params):
    bundle = bundle_of("llama")
    request = request_of("llama", "and rude", method, params=params)
    expected = explain(request, bundle=bundle)
    found = explain(request, bundle=Bundle.of(copy.deepcopy(bundle.model).to("cuda"), bundle.tokenizer))
    np.testing.assert_allclose(found.scores, expected.scores, rtol=1e-2, atol=1e-4)
