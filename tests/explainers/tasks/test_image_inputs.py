"""Images, processors and models of every kind: the number explained is the pipeline's, or a notice says why not."""

import io
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from PIL import Image
from transformers import AutoConfig, pipeline

from explainers import METHODS, Bundle, Request, Target, explain, predict
from explainers.classic import ImageClassificationExplainer
from explainers.errors import BadRequest, Incompatible
from explainers.inputs.images import LAID_ON_WHITE, NARROWED
from explainers.models.loading import lease
from explainers.models.resolve import find_card
from explainers.settings import settings
from explainers.tasks.image_preprocessing import GREY_NOTICE
from tests.support.image_models import CLOSE, make_bundle, make_image_model, make_request
from tests.support.tiny import processor_for

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
PICTURE = Image.fromarray(PIXELS)
MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB", "HSV", "I", "F")


def explained(image: object, held: Bundle, **params: object):
    return explain(make_request("saliency", image, target=1, params={"unit": "logit"} | params), bundle=held)


def from_pipeline(image: Image.Image, model: object, processor: object) -> dict[str, float]:
    rows = pipeline("image-classification", model=model, image_processor=processor)(image, top_k=3)
    return {row["label"]: row["score"] for row in rows}


@pytest.mark.parametrize("mode", MODES)
def test_probabilities_of_a_pil_image_of_any_mode_are_those_of_transformers_pipeline(mode):
    model, processor = make_image_model("vit")
    image = (PICTURE.convert("P") if mode == "PA" else PICTURE).convert(mode)
    explanation = explain(make_request("saliency", image), bundle=Bundle.of(model, processor))
    ours = {target.label: target.probability for target in explanation.prediction.targets}
    assert ours == pytest.approx(from_pipeline(image, model, processor), abs=CLOSE)
    assert explanation.notices == ()


def test_a_photograph_is_the_same_by_path_by_bytes_and_by_pil(tmp_path):
    model, processor = make_image_model("vit")
    exif = Image.Exif()
    exif[0x0112] = 6
    PICTURE.save(tmp_path / "phone.jpg", quality=95, exif=exif)
    right = from_pipeline(Image.open(tmp_path / "phone.jpg"), model, processor)
    held = Bundle.of(model, processor)
    for given in (tmp_path / "phone.jpg", (tmp_path / "phone.jpg").read_bytes(), Image.open(tmp_path / "phone.jpg")):
        ours = {target.label: target.probability for target in predict(make_request(image=given), bundle=held).targets}
        assert ours == pytest.approx(right, abs=CLOSE)


def test_an_array_is_what_the_processor_makes_of_it():
    model, processor = make_image_model("vit")
    held = Bundle.of(model, processor)
    for given in (PIXELS, torch.from_numpy(PIXELS).permute(2, 0, 1)):
        with torch.no_grad():
            right = model(**processor(given, return_tensors="pt")).logits[0, 1]
        np.testing.assert_allclose(explained(given, held).values, [right], atol=1e-5)


def test_a_notice_says_where_the_pipeline_reads_an_image_otherwise():
    clear = PICTURE.copy()
    clear.putalpha(128)
    deep = Image.fromarray(PIXELS[..., 0].astype(np.uint16) * 257)
    held = make_bundle("vit")
    assert explained(clear, held).notices == (LAID_ON_WHITE,)
    assert explained(deep, held).notices == (NARROWED,)


def test_the_class_takes_a_path_as_text_and_an_array_and_refuses_anything_else(tmp_path):
    PICTURE.save(tmp_path / "cat.png")
    explainer = ImageClassificationExplainer(*make_image_model("vit"), attribution_type="IG")
    right = explainer(PICTURE, n_steps=2, index=np.int64(1))
    for given in (str(tmp_path / "cat.png"), tmp_path / "cat.png", PIXELS):
        np.testing.assert_array_equal(explainer(given, n_steps=2, index=torch.tensor(1)), right)
    assert explainer.predict(str(tmp_path / "cat.png")) == explainer.predict(PICTURE)
    for wrong, said in (([PICTURE], "Give one image"), (None, "None"), (Path("none.jpg"), "'none.jpg'")):
        with pytest.raises(BadRequest, match=said):
            explainer(wrong)


def test_a_text_where_an_image_is_read_and_bytes_where_a_text_is_read_are_refused():
    with pytest.raises(BadRequest, match=r"'cat\.jpg' is a text"):
        predict(make_request(image="cat.jpg"), bundle=make_bundle("vit"))
    with pytest.raises(BadRequest, match="Text is an image or bytes"):
        predict(Request("text_classification", "sentiment", {"text": b"good"}))


def grey(**changes: object) -> tuple:
    """A model of one channel with a processor of one mean."""
    config = AutoConfig.for_model(
        "vit",
        **{"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4, "intermediate_size": 48},
        image_size=28,
        patch_size=7,
        num_channels=1,
        num_labels=3,
        initializer_range=0.4,
        attn_implementation="eager",
    )
    processor = transformers.ViTImageProcessorPil(
        **{"size": {"height": 28, "width": 28}, "image_mean": [0.5], "image_std": [0.5]} | changes
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        return transformers.ViTForImageClassification(config).eval(), processor


@pytest.mark.parametrize("changes", [{}, {"do_normalize": False}])
def test_a_model_of_one_channel_reads_grey_images(changes):
    model, processor = grey(**changes)
    held = Bundle.of(model, processor)
    with torch.no_grad():
        right = model(**processor(PICTURE.convert("L"), return_tensors="pt")).logits[0, 1]
    explanation = explained(PICTURE.convert("L"), held)
    np.testing.assert_allclose(explanation.values, [right], atol=1e-5)
    assert explanation.features.channels == 1
    assert explanation.notices == ()
    assert explained(PICTURE, held).notices == (GREY_NOTICE,)
    assert {"gradients", "attentions"} <= held.capability.provides
    for key in METHODS:
        if METHODS[key].needs <= held.capability.provides - {"zeroing"}:
            params = {"samples": 50} if "samples" in {param.name for param in METHODS[key].params} else {}
            assert np.isfinite(explain(make_request(key, PICTURE, params=params), bundle=held).scores).all(), key
    assert ImageClassificationExplainer(model, processor)(PICTURE, n_steps=2).shape == (1, 1, 28, 28)


def test_a_model_of_four_channels_is_refused_with_their_number():
    model, processor = deepcopy(make_image_model("vit"))
    model.config.num_channels = 4
    with pytest.raises(Incompatible, match="4 channels"):
        predict(make_request(image=PICTURE), bundle=Bundle.of(model, processor))


@pytest.mark.parametrize(("setting", "value"), [("image_mean", [0.5]), ("size", {"a": 1})])
def test_a_processor_that_fails_is_named_with_its_cause(setting, value):
    processor = transformers.ViTImageProcessorPil(size={"height": 32, "width": 32})
    setattr(processor, setting, value)
    with pytest.raises(Incompatible, match=r"image processor of .* cannot read an image of mode RGB \(\w+: ..."):
        predict(make_request(image=PICTURE), bundle=Bundle.of(make_image_model("vit")[0], processor))


def test_pixels_have_the_type_of_the_weights():
    model, processor = deepcopy(make_image_model("vit"))
    held = Bundle.of(model.double(), processor)
    with torch.no_grad():
        right = model(pixel_values=processor(PICTURE, return_tensors="pt")["pixel_values"].double()).logits[0, 1]
    np.testing.assert_allclose(explained(PICTURE, held).values, [right], atol=1e-6)


PVT = {
    "image_size": 32,
    "num_encoder_blocks": 2,
    "depths": [1, 1],
    "hidden_sizes": [16, 32],
    "strides": [4, 2],
    "num_attention_heads": [2, 4],
    "mlp_ratios": [2, 2],
}
PYRAMIDS = {
    "pvt": PVT | {"sequence_reduction_ratios": [2, 1], "patch_sizes": [4, 2]},
    "pvt_v2": PVT | {"sr_ratios": [2, 1], "patch_sizes": [7, 3]},
    "mobilevit": {"image_size": 32, "hidden_sizes": [16, 24, 32], "neck_hidden_sizes": [8, 8, 16, 16, 16, 16, 24]},
    "focalnet": {
        "image_size": 32,
        "patch_size": 4,
        "embed_dim": 16,
        "depths": [1, 1],
        "focal_levels": [2, 2],
        "focal_windows": [3, 3],
        "use_layerscale": False,
    },
    "textnet": {"hidden_sizes": [8, 8, 8, 16, 16], "stem_out_channels": 8},
    "segformer": {
        "num_encoder_blocks": 2,
        "depths": [1, 1],
        "hidden_sizes": [16, 32],
        "num_attention_heads": [1, 2],
        "sr_ratios": [2, 1],
        "patch_sizes": [7, 3],
        "strides": [4, 2],
        "mlp_ratios": [2, 2],
    },
}


@pytest.mark.parametrize("kind", PYRAMIDS)
def test_what_a_pyramid_does_not_provide_is_a_reason_and_never_loses_the_model(kind, tmp_path):
    config = AutoConfig.for_model(kind, num_labels=3, initializer_range=0.3, **PYRAMIDS[kind])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        model = transformers.AutoModelForImageClassification.from_config(config).eval()
    processor = processor_for("vit")
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    with torch.no_grad():
        right = model(**processor(PICTURE, return_tensors="pt")).logits[0, 1]
    held = Bundle.of(model, processor)
    np.testing.assert_allclose(explained(PICTURE, held).values, [right], rtol=1e-4, atol=1e-5)
    assert held.labels == ("LABEL_0", "LABEL_1", "LABEL_2")
    with pytest.raises(Incompatible, match="attention"):
        explain(make_request("attention", PICTURE), bundle=held)
    card = find_card(str(tmp_path), "image_classification", settings())
    with lease(card) as loaded:
        assert {"gradients", "baseline"} <= loaded.card.provides
        assert "attentions" in dict(loaded.card.reasons)
        if "conv" in loaded.card.provides:
            assert np.isfinite(explain(make_request("grad_cam", PICTURE), bundle=loaded).scores).all()
        else:
            with pytest.raises(Incompatible, match="no convolutional map"):
                explain(make_request("grad_cam", PICTURE), bundle=loaded)
        np.testing.assert_allclose(explained(PICTURE, loaded).values, [right], rtol=1e-4, atol=1e-5)


def test_a_test_that_fails_inside_the_model_is_a_reason_for_what_it_tests(monkeypatch):
    model, processor = make_image_model("vit")
    plain = model.forward

    def forward(*args: object, output_attentions: bool = False, **more: object) -> object:
        if output_attentions:
            raise KeyError("attentions")
        return plain(*args, **more)

    monkeypatch.setattr(model, "forward", forward)
    capability = Bundle.of(model, processor).capability
    assert "gradients" in capability.provides
    assert "failed inside the model, with KeyError" in dict(capability.reasons)["attentions"]


def test_an_image_of_a_few_frames_is_the_frame_that_is_open():
    file = io.BytesIO()
    frames = [Image.new("RGB", (30, 20), colour) for colour in ("red", "blue")]
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    held, image = make_bundle("vit"), Image.open(file)
    image.seek(1)
    assert predict(make_request(image=image), bundle=held) == predict(make_request(image=frames[1]), bundle=held)


def test_a_target_from_argmax_is_the_class_that_it_is():
    model, processor = make_image_model("vit")
    logits = model(**processor(PICTURE, return_tensors="pt")).logits
    for index in (logits.argmin(), logits.argmin(-1), logits[0].detach().numpy().argmin()):
        found = explain(make_request("saliency", PICTURE, target=index), bundle=Bundle.of(model, processor))
        assert found.request.target == Target(index=int(logits.argmin()))
        assert found.targets[0].index == int(logits.argmin())
