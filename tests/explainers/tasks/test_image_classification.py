"""An image's explained number is that of transformers' pipeline, and its scores are Captum's."""

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients
from torch import Tensor
from transformers import pipeline

from explainers import METHODS, Bundle, Request, Target, explain, predict
from explainers.errors import BadRequest, Incompatible
from explainers.inputs.images import PHOTOGRAPHS
from explainers.results.explanation import Pixels
from explainers.tasks.image_classification import ImageClassification
from explainers.tasks.image_preprocessing import preprocess
from tests.support.image_models import CLOSE, PHOTO, make_bundle, make_image_model, make_request
from tests.support.tiny import IMAGES, tiny


@pytest.mark.parametrize("kind", IMAGES)
def test_probabilities_are_those_of_transformers_pipeline(kind):
    model, processor = make_image_model(kind)
    theirs = pipeline("image-classification", model=model, image_processor=processor)(PHOTO, top_k=3)
    held = Bundle.of(model, processor)
    for said in (predict(make_request(), bundle=held), explain(make_request("saliency"), bundle=held).prediction):
        assert [target.label for target in said.targets] == [row["label"] for row in theirs]
        for ours, row in zip(said.targets, theirs, strict=True):
            assert ours.probability == pytest.approx(row["score"], abs=CLOSE)
    assert max(row["score"] for row in theirs) - min(row["score"] for row in theirs) > 0.01


@pytest.mark.parametrize("kind", IMAGES)
def test_the_number_explained_is_the_pipelines_for_every_class(kind):
    model, processor = make_image_model(kind)
    rows = pipeline("image-classification", model=model, image_processor=processor)(PHOTO, top_k=3)
    for row in rows:
        found = explain(make_request("saliency", target=row["label"]), bundle=Bundle.of(model, processor))
        assert found.values[0] == pytest.approx(row["score"], abs=CLOSE)
        assert found.mismatch <= CLOSE


@pytest.mark.parametrize("kind", IMAGES)
@pytest.mark.parametrize("unit", ["probability", "logit"])
def test_integrated_gradients_are_captums_at_a_thousand_steps(kind, unit):
    held = make_bundle(kind)
    options = {"tolerance": 0.001, "most_passes": 5_000, "unit": unit}
    found = explain(make_request(params=options), bundle=held)
    assert found.converged == (True,)
    seen = preprocess(held.processor, PHOTO, "tiny")
    index = found.targets[0].index

    def forward(pixels: Tensor) -> Tensor:
        logits = held.model(pixel_values=pixels).logits
        return (logits.softmax(-1) if unit == "probability" else logits)[:, index]

    theirs = IntegratedGradients(forward).attribute(
        seen.pixels, torch.zeros_like(seen.pixels), n_steps=1_000, internal_batch_size=100
    )
    reference = theirs.flatten().detach().numpy()
    assert np.abs(found.scores[0] - reference).sum() <= 0.01 * np.abs(reference).sum()
    assert found.relative_error[0] <= 0.001


@pytest.mark.parametrize("kind", ["vit", "resnet"])
def test_a_contrast_is_the_difference_of_two_logits(kind):
    held = make_bundle(kind)
    logits = [
        explain(make_request("input_x_gradient", target=i, params={"unit": "logit"}), bundle=held) for i in (0, 1)
    ]
    target = Target(index=0, foil=logits[1].targets[0].label)
    margin = explain(make_request("input_x_gradient", target=target, params={"unit": "logit"}), bundle=held)
    assert margin.unit == "logit_margin"
    np.testing.assert_allclose(margin.values, logits[0].values - logits[1].values, atol=1e-5)
    np.testing.assert_allclose(margin.scores, logits[0].scores - logits[1].scores, atol=1e-5)


def test_an_explanation_has_a_feature_for_each_pixel_value_and_a_grid():
    found = explain(make_request("saliency"), bundle=make_bundle("vit"))
    assert found.features == Pixels("image", 3, 32, 32)
    assert found.grid == (32, 32)
    assert found.scores.shape == (1, 3 * 32 * 32)


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({}, "There is no image. Upload"),
        ({"image": "a cat"}, "'a cat' is a text. Give it as a Path"),
        ({"picture": PHOTO}, "no input 'picture'. Its inputs: image"),
        ({"image": b"no image"}, "not an image, or it is damaged"),
    ],
)
def test_a_request_without_a_picture_is_refused(inputs, said):
    with pytest.raises(BadRequest, match=said):
        explain(Request("image_classification", "tiny", inputs), bundle=make_bundle("vit"))


def test_a_model_without_an_image_processor_is_refused():
    model, tokenizer = tiny("bert")
    with pytest.raises(Incompatible, match="no image processor"):
        explain(make_request(), bundle=Bundle.of(model, tokenizer))


def test_the_examples_are_the_photographs():
    task = ImageClassification()
    assert [dict(example.inputs)["image"] for example in task.examples] == [shown.picture for shown in PHOTOGRAPHS]


def test_every_method_for_images_is_registered():
    assert {"occlusion", "grad_cam", "attention_rollout", "noise_tunnel"} <= set(METHODS)
