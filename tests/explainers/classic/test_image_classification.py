"""`ImageClassificationExplainer`: the original's call, defaults and names, its numbers Captum's, its bugs gone."""

import inspect
import warnings

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients
from PIL import Image

from explainers import Bundle, ExplainerError
from explainers.classic import ImageClassificationExplainer
from explainers.errors import BadRequest
from explainers.inputs.images import PHOTOGRAPHS, decode
from explainers.problem import NoisyCopies
from explainers.tasks.image_preprocessing import preprocess
from tests.support.tiny import tiny

PHOTO = decode(PHOTOGRAPHS[0].picture)


@pytest.fixture(params=["vit", "resnet"])
def held(request):
    return tiny(request.param)


def pixels_of(processor) -> torch.Tensor:
    return preprocess(processor, PHOTO, "tiny").pixels


def captum(model, pixels: torch.Tensor, index: int, steps: int) -> np.ndarray:
    explained = IntegratedGradients(lambda x: model(pixel_values=x).logits)
    return explained.attribute(pixels, target=index, n_steps=steps).detach().numpy()


def test_the_call_and_its_defaults_are_those_of_transformers_interpret():
    made = inspect.signature(ImageClassificationExplainer)
    assert list(made.parameters) == ["model", "feature_extractor", "attribution_type", "custom_labels"]
    assert made.parameters["attribution_type"].default == "IGNT"
    called = inspect.signature(ImageClassificationExplainer.__call__).parameters
    assert {name: knob.default for name, knob in called.items() if name not in ("self", "image")} == {
        "index": None,
        "class_name": None,
        "internal_batch_size": None,
        "n_steps": 50,
        "n_steps_noise_tunnel": 5,
        "noise_tunnel_n_samples": 10,
        "noise_tunnel_type": "smoothgrad",
    }
    shown = inspect.signature(ImageClassificationExplainer.visualize).parameters
    assert {name: knob.default for name, knob in shown.items() if name != "self"} == {
        "save_path": None,
        "method": "overlay",
        "sign": "all",
        "outlier_threshold": 0.1,
        "use_original_image_pixels": True,
        "side_by_side": False,
    }


@pytest.mark.parametrize("steps", [8, 50])
def test_ig_is_captums_of_the_logit_from_grey(held, steps):
    model, processor = held
    explainer = ImageClassificationExplainer(model, processor, "IG")
    found = explainer(PHOTO, n_steps=steps)
    right = captum(model, pixels_of(processor), explainer.predicted_class_index, steps)
    assert found.shape == (1, 3, 32, 32)
    np.testing.assert_allclose(found, right, atol=1e-5 * np.abs(right).max())
    np.testing.assert_array_equal(explainer.attributions, found)


def test_ignt_is_captums_ig_of_copies_with_a_deviation_of_one_as_in_captum():
    model, processor = tiny("resnet")
    explainer = ImageClassificationExplainer(model, processor)
    found = explainer(PHOTO, n_steps_noise_tunnel=3, noise_tunnel_n_samples=4)
    pixels = pixels_of(processor)
    copies = NoisyCopies(pixels.reshape(1, -1, 1), 1.0, 4, 0)[0:4].reshape(4, *pixels.shape[1:])
    assert float((copies - pixels).std()) == pytest.approx(1.0, abs=0.02)
    right = captum(model, copies, explainer.predicted_class_index, 3).mean(0, keepdims=True)
    np.testing.assert_allclose(found, right, atol=2e-4 * np.abs(right).max())


def test_the_first_class_can_be_asked_for_and_names_too(held):
    explainer = ImageClassificationExplainer(*held, "IG", custom_labels=["cat", "dog", "cow"])
    by_index = explainer(PHOTO, index=0, n_steps=5)
    assert explainer.selected_index == 0
    np.testing.assert_array_equal(explainer(PHOTO, class_name="cat", n_steps=5), by_index)
    assert np.abs(explainer(PHOTO, class_name="dog", n_steps=5) - by_index).max() > 1e-4
    assert explainer.selected_index == 1
    assert explainer.predicted_class_name in ("cat", "dog", "cow")


def test_an_unknown_name_is_warned_about_once_and_the_predicted_class_explained(held):
    explainer = ImageClassificationExplainer(*held, "IG")
    with pytest.warns(UserWarning, match="no class 'unicorn'") as said:
        found = explainer(PHOTO, class_name="unicorn", n_steps=5)
    assert len(said) == 1
    assert said[0].filename == __file__
    np.testing.assert_array_equal(found, explainer(PHOTO, n_steps=5))


def test_probabilities_are_the_pipelines(held):
    from transformers import pipeline

    model, processor = held
    rows = pipeline("image-classification", model=model, image_processor=processor)(PHOTO, top_k=3)
    said = ImageClassificationExplainer(model, processor).predict(PHOTO)
    for ours, row in zip(said.targets, rows, strict=True):
        assert (ours.label, ours.probability) == (row["label"], pytest.approx(row["score"], abs=1e-6))


@pytest.mark.parametrize(("size", "side_by_side"), [((451, 300), False), ((2 * 451 + 8, 300), True)])
def test_visualize_writes_a_png_of_the_pictures_size(tmp_path, size, side_by_side):
    explainer = ImageClassificationExplainer(*tiny("vit"), "IG")
    explainer(PHOTO, n_steps=4)
    for name in ("map.png", "map"):
        figure = explainer.visualize(str(tmp_path / name), side_by_side=side_by_side)
        assert len(figure.layout.images) == 1 + side_by_side
    with Image.open(tmp_path / "map.png") as opened:
        assert opened.size == size
    explainer.visualize(str(tmp_path / "small.png"), use_original_image_pixels=False)
    with Image.open(tmp_path / "small.png") as opened:
        assert opened.size == (32, 32)


@pytest.mark.parametrize("method", ["masked_image", "alpha_scaling"])
def test_masks_of_all_signs_are_warned_about_and_show_the_positive_ones(method):
    explainer = ImageClassificationExplainer(*tiny("vit"), "IG")
    explainer(PHOTO, n_steps=4)
    with pytest.warns(UserWarning, match="positive ones are shown"):
        warned = explainer.visualize(method=method)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert explainer.visualize(method=method, sign="positive").to_json() == warned.to_json()


def test_visualize_as_html_is_one_page_with_pictures_in_it(tmp_path):
    explainer = ImageClassificationExplainer(*tiny("vit"), "IG")
    explainer(PHOTO, n_steps=4)
    explainer.visualize(str(tmp_path / "page.html"))
    page = (tmp_path / "page.html").read_text("utf-8")
    assert page.count('src="data:image/') >= 4
    assert "<script" not in page


@pytest.mark.parametrize("wrong", [{"method": "blend"}, {"sign": "both"}])
def test_wrong_words_are_value_errors_that_say_what_is_right(wrong):
    explainer = ImageClassificationExplainer(*tiny("vit"), "IG")
    explainer(PHOTO, n_steps=4)
    with pytest.raises(ValueError, match="Give one of"):
        explainer.visualize(**wrong)


def test_wrong_constructions_are_value_errors():
    with pytest.raises(ValueError, match="Give IG or IGNT"):
        ImageClassificationExplainer(*tiny("vit"), "lig")
    with pytest.raises(ValueError, match="1 labels were given to a model of 3"):
        ImageClassificationExplainer(*tiny("vit"), custom_labels=["one"])
    with pytest.raises(ExplainerError, match="Nothing was explained yet"):
        ImageClassificationExplainer(*tiny("vit")).visualize()


def test_a_broken_file_is_refused_in_one_sentence():
    with pytest.raises(BadRequest, match="damaged"):
        ImageClassificationExplainer(*tiny("vit"))(b"no image")


def test_one_picture_after_another_leaves_nothing_of_the_first():
    model, processor = tiny("vit")
    explainer = ImageClassificationExplainer(model, processor, "IG")
    first = explainer(PHOTO, n_steps=6)
    explainer(PHOTO.rotate(180), index=1, n_steps=20)
    np.testing.assert_array_equal(explainer(PHOTO, n_steps=6), first)
    assert Bundle.of(model, processor).card.labels == tuple(model.config.id2label.values())
