"""`ImageClassificationExplainer`: the interface of transformers-interpret and Captum's scores."""

import inspect
import warnings

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients

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
        "n_steps": None,
        "n_steps_noise_tunnel": None,
        "noise_tunnel_n_samples": None,
        "noise_tunnel_type": "smoothgrad",
    }
    fresh = ImageClassificationExplainer(*tiny("vit"))
    assert (fresh.n_steps, fresh.n_steps_noise_tunnel, fresh.noise_tunnel_n_samples) == (50, 5, 10)
    assert fresh.internal_batch_size is None
    assert fresh.attributions is None
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
def test_ig_equals_captums_with_a_grey_baseline(held, steps):
    model, processor = held
    explainer = ImageClassificationExplainer(model, processor, "IG")
    found = explainer(PHOTO, n_steps=steps)
    right = captum(model, pixels_of(processor), explainer.predicted_class_index, steps)
    assert found.shape == (1, 3, 32, 32)
    np.testing.assert_allclose(found, right, atol=1e-5 * np.abs(right).max())
    np.testing.assert_array_equal(explainer.attributions, found)


def test_ignt_equals_captums_ig_averaged_over_noisy_copies():
    model, processor = tiny("resnet")
    explainer = ImageClassificationExplainer(model, processor)
    found = explainer(PHOTO, n_steps_noise_tunnel=3, noise_tunnel_n_samples=4)
    pixels = pixels_of(processor)
    copies = NoisyCopies(pixels.reshape(1, -1, 1), 1.0, 4, 0)[0:4].reshape(4, *pixels.shape[1:])
    assert float((copies - pixels).std()) == pytest.approx(1.0, abs=0.02)
    right = captum(model, copies, explainer.predicted_class_index, 3).mean(0, keepdims=True)
    np.testing.assert_allclose(found, right, atol=2e-4 * np.abs(right).max())


def test_a_class_is_chosen_by_index_also_0_or_by_name(held):
    explainer = ImageClassificationExplainer(*held, "IG", custom_labels=["cat", "dog", "cow"])
    by_index = explainer(PHOTO, index=0, n_steps=5)
    assert explainer.selected_index == 0
    np.testing.assert_array_equal(explainer(PHOTO, class_name="cat", n_steps=5), by_index)
    assert np.abs(explainer(PHOTO, class_name="dog", n_steps=5) - by_index).max() > 1e-4
    assert explainer.selected_index == 1
    assert explainer.predicted_class_name in ("cat", "dog", "cow")


def test_an_unknown_class_name_of_an_image_warns_and_the_predicted_class_is_explained(held):
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


@pytest.mark.parametrize(
    ("ending", "beginning"), [("png", b"\x89PNG"), ("jpg", b"\xff\xd8"), ("pdf", b"%PDF"), ("svg", b"<?xml")]
)
def test_visualize_writes_the_format_of_the_files_ending(tmp_path, ending, beginning):
    explainer = ImageClassificationExplainer(*tiny("vit"), "IG")
    explainer(PHOTO, n_steps=4)
    explainer.visualize(str(tmp_path / f"map.{ending}"))
    assert [path.name for path in tmp_path.iterdir()] == [f"map.{ending}"]
    assert (tmp_path / f"map.{ending}").read_bytes().startswith(beginning)


@pytest.mark.parametrize("method", ["heatmap", "overlay", "masked_image", "alpha_scaling"])
def test_visualize_returns_a_figure_and_axes_that_name_the_classes(method):
    explainer = ImageClassificationExplainer(*tiny("vit"), "IG", custom_labels=["cat", "dog", "cow"])
    explainer(PHOTO, n_steps=4)
    figure, axes = explainer.visualize(method=method, sign="positive")
    assert axes.figure is figure
    assert axes.get_title().endswith(f"why {explainer.predicted_class_name}?")
    view, scores = axes.images
    assert view.get_array().shape == (*PHOTO.size[::-1], 3)
    assert scores.get_array().shape == (32, 32)
    other = next(name for name in explainer.label2id if name != explainer.predicted_class_name)
    explainer(PHOTO, n_steps=4, class_name=other)
    _, pair = explainer.visualize(method=method, sign="positive", side_by_side=True, use_original_image_pixels=False)
    assert [len(one.images) for one in pair] == [1, 2]
    assert pair[0].images[0].get_array().shape == (32, 32, 3)
    assert f"why {other}?" in pair[1].get_title()
    assert explainer.predicted_class_name in pair[1].get_title()


@pytest.mark.parametrize("method", ["masked_image", "alpha_scaling"])
def test_masks_for_all_signs_warn_and_show_the_positive_scores(method):
    explainer = ImageClassificationExplainer(*tiny("vit"), "IG")
    explainer(PHOTO, n_steps=4)
    with pytest.warns(UserWarning, match="positive ones are shown"):
        warned = explainer.visualize(method=method)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        shown = explainer.visualize(method=method, sign="positive")
    np.testing.assert_array_equal(shown[1].images[1].get_array(), warned[1].images[1].get_array())


def test_visualize_as_html_is_one_page_with_pictures_in_it(tmp_path):
    explainer = ImageClassificationExplainer(*tiny("vit"), "IG")
    explainer(PHOTO, n_steps=4)
    explainer.visualize(str(tmp_path / "page.html"))
    page = (tmp_path / "page.html").read_text("utf-8")
    assert page.count('src="data:image/') >= 4
    assert "<script" not in page


@pytest.mark.parametrize("wrong", [{"method": "blend"}, {"sign": "both"}])
def test_invalid_arguments_of_visualize_are_value_errors_with_the_allowed_ones(wrong):
    explainer = ImageClassificationExplainer(*tiny("vit"), "IG")
    explainer(PHOTO, n_steps=4)
    with pytest.raises(ValueError, match="Give one of"):
        explainer.visualize(**wrong)


def test_invalid_arguments_of_the_constructor_are_value_errors():
    with pytest.raises(ValueError, match="Give IG or IGNT"):
        ImageClassificationExplainer(*tiny("vit"), "lig")
    with pytest.raises(ValueError, match="1 labels were given for a model with 3"):
        ImageClassificationExplainer(*tiny("vit"), custom_labels=["one"])
    with pytest.raises(ExplainerError, match="There is no explanation yet"):
        ImageClassificationExplainer(*tiny("vit")).visualize()


def test_a_broken_file_is_refused_in_one_sentence():
    with pytest.raises(BadRequest, match="damaged"):
        ImageClassificationExplainer(*tiny("vit"))(b"no image")


def test_a_call_does_not_depend_on_the_call_before():
    model, processor = tiny("vit")
    explainer = ImageClassificationExplainer(model, processor, "IG")
    first = explainer(PHOTO, n_steps=6)
    explainer(PHOTO.rotate(180), index=1, n_steps=20)
    np.testing.assert_array_equal(explainer(PHOTO, n_steps=6), first)
    assert Bundle.of(model, processor).card.labels == tuple(model.config.id2label.values())


def test_settings_of_a_call_are_remembered_and_the_pixels_and_delta_can_be_read():
    model, processor = tiny("vit")
    explainer = ImageClassificationExplainer(model, processor, "IG")
    found = explainer(PHOTO, n_steps=7, internal_batch_size=2)
    assert (explainer.n_steps, explainer.internal_batch_size) == (7, 2)
    np.testing.assert_array_equal(explainer(PHOTO), found)
    np.testing.assert_array_equal(explainer.inputs, pixels_of(processor).numpy())
    with torch.no_grad():
        ends = model(pixel_values=torch.cat([pixels_of(processor), torch.zeros(1, 3, 32, 32)])).logits
    rise = ends[:, explainer.selected_index].diff().neg()
    assert float(explainer.delta[0]) == pytest.approx(float(found.sum() - rise), abs=1e-4)


def test_labels_may_be_as_many_as_the_models_classes_or_their_names():
    """Two classes of ImageNet have one name, and transformers-interpret counts the names."""
    model, processor = tiny("vit")
    names = model.config.label2id
    model.config.label2id = {"crane": 1, "cat": 2}
    try:
        explainer = ImageClassificationExplainer(model, processor, "IG", custom_labels=["a", "b"])
    finally:
        model.config.label2id = names
    assert list(explainer.label2id) == ["a", "b"]
    explainer(PHOTO, index=2, n_steps=2)
    assert explainer.explanation.targets[0].index == 2


def test_an_unknown_noise_tunnel_type_is_a_value_error():
    with pytest.raises(ValueError, match="smoothgrad, smoothgrad_sq, vargrad"):
        ImageClassificationExplainer(*tiny("vit"))(PHOTO, noise_tunnel_type="x")


def test_a_path_may_be_a_string(tmp_path):
    PHOTO.save(tmp_path / "photo.png")
    explainer = ImageClassificationExplainer(*tiny("vit"), "IG")
    np.testing.assert_array_equal(explainer(str(tmp_path / "photo.png"), n_steps=2), explainer(PHOTO, n_steps=2))
