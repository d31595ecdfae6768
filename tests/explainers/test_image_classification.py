"""What is explained of an image is what transformers' own pipeline says; the methods are right where paper tells."""

import io
import threading
from copy import deepcopy
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients, LayerAttribution, LayerGradCam, NoiseTunnel
from PIL import Image
from torch import Tensor, nn
from transformers import pipeline

from explainers import METHODS, Bundle, Request, Target, explain, predict
from explainers.data import Explanation, Pixels
from explainers.errors import BadRequest, Incompatible
from explainers.eyes import watched
from explainers.imaging import blurred, see
from explainers.methods import attention_rollout, grad_cam, noise_tunnel, occlusion
from explainers.methods.attention_rollout import rollout
from explainers.pictures import PHOTOGRAPHS, read
from explainers.problem import Noisy, Problem
from explainers.tasks.image_classification import ImageClassification

from ..problems import linear, problem
from ..tiny import IMAGES, processor_for, tiny

PHOTO = read(PHOTOGRAPHS[0].picture)
CONVOLUTIONAL = ("convnext", "resnet")
ATTENDING = ("vit", "deit", "beit")
CLOSE = 1e-6


@cache
def seeing(kind: str, attention: str = "eager") -> tuple[nn.Module, object]:
    """A tiny model, and its processor; as in a trained one, its biases, tokens and positions are not all 0.

    With zeros a grey picture is the one point where a layer norm has no slope, and no rule of steps gets past it.
    """
    model, processor = tiny(kind, attn_implementation=attention)
    model = deepcopy(model)
    generator = torch.Generator().manual_seed(9)
    for weight in model.parameters():
        if not weight.any():
            weight.data.normal_(0, 0.2, generator=generator)
    return model, processor


def bundle(kind: str) -> Bundle:
    """A tiny model with the attention that keeps its weights, as models are loaded here."""
    return Bundle.of(*seeing(kind))


def asked(method: str = "integrated_gradients", image: object = PHOTO, **parts: object) -> Request:
    return Request("image_classification", "tiny", {"image": image}, method=method, **parts)


def state(model: nn.Module) -> tuple:
    """Everything that must be as it was: hooks, parameters, what wants a gradient, the mode, the config."""
    hooks = [
        (name, len(module._forward_hooks), len(module._forward_pre_hooks), len(module._backward_hooks))
        for name, module in model.named_modules()
    ]
    weights = [(name, p.detach().clone(), p.requires_grad, p.grad) for name, p in model.named_parameters()]
    return hooks, weights, model.training, model.config.to_dict()


def same(before: tuple, after: tuple) -> bool:
    alike = all(
        one[0] == other[0] and torch.equal(one[1], other[1]) and one[2:] == other[2:]
        for one, other in zip(before[1], after[1], strict=True)
    )
    return alike and before[0] == after[0] and before[2:] == after[2:]


@pytest.mark.parametrize("kind", IMAGES)
def test_probabilities_are_those_of_transformers_own_pipeline(kind):
    model, processor = seeing(kind)
    theirs = pipeline("image-classification", model=model, image_processor=processor)(PHOTO, top_k=3)
    held = Bundle.of(model, processor)
    for said in (predict(asked(), bundle=held), explain(asked("saliency"), bundle=held).prediction):
        assert [target.label for target in said.targets] == [row["label"] for row in theirs]
        for ours, row in zip(said.targets, theirs, strict=True):
            assert ours.probability == pytest.approx(row["score"], abs=CLOSE)
    assert max(row["score"] for row in theirs) - min(row["score"] for row in theirs) > 0.01


@pytest.mark.parametrize("kind", IMAGES)
def test_the_number_explained_is_the_pipelines_for_every_class(kind):
    model, processor = seeing(kind)
    rows = pipeline("image-classification", model=model, image_processor=processor)(PHOTO, top_k=3)
    for row in rows:
        found = explain(asked("saliency", target=row["label"]), bundle=Bundle.of(model, processor))
        assert found.values[0] == pytest.approx(row["score"], abs=CLOSE)
        assert found.mismatch <= CLOSE


@pytest.mark.parametrize("kind", IMAGES)
@pytest.mark.parametrize("unit", ["probability", "logit"])
def test_integrated_gradients_are_captums_at_a_thousand_steps(kind, unit):
    held = bundle(kind)
    options = {"tolerance": 0.001, "most_passes": 5_000, "unit": unit}
    found = explain(asked(params=options), bundle=held)
    assert found.converged == (True,)
    seen = see(held.processor, PHOTO, "tiny")
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
def test_the_margin_over_a_foil_is_the_difference_of_the_two_logits(kind):
    held = bundle(kind)
    logits = [explain(asked("saliency", target=i, params={"unit": "logit"}), bundle=held) for i in (0, 1)]
    target = Target(index=0, foil=logits[1].targets[0].label)
    margin = explain(asked("saliency", target=target, params={"unit": "logit"}), bundle=held)
    assert margin.unit == "logit_margin"
    np.testing.assert_allclose(margin.values, logits[0].values - logits[1].values, atol=1e-5)
    np.testing.assert_allclose(margin.scores, logits[0].scores - logits[1].scores, atol=1e-5)


def test_an_explanation_has_a_feature_for_each_value_that_the_model_reads_and_a_grid():
    found = explain(asked("saliency"), bundle=bundle("vit"))
    assert found.features == Pixels("image", 3, 32, 32)
    assert found.grid == (32, 32)
    assert found.scores.shape == (1, 3 * 32 * 32)


FRAMES = {
    "vit": (0.0, 0.0, 1.0, 1.0),  # squeezed into a square
    "deit": (2 / 36, 2 / 36, 34 / 36, 34 / 36),  # 36 by 36, of which the middle 32
    # the shorter side becomes 32 / 0.875 = 36, the longer int(36 · 451 / 300) = 54, of which the middle 32
    "convnext": ((54 - 32) / 2 / 54, 2 / 36, (54 + 32) / 2 / 54, 34 / 36),
}


@pytest.mark.parametrize("kind", FRAMES)
def test_the_frame_is_the_part_of_the_picture_that_the_processor_keeps(kind):
    assert PHOTO.size == (451, 300)
    found = see(processor_for(kind), PHOTO, "tiny").frame
    assert found == pytest.approx(FRAMES[kind], abs=0.006)


@pytest.mark.parametrize("size", [(640, 480), (100, 1_000), (33, 32), (1_500, 100)])
@pytest.mark.parametrize("kind", ["deit", "convnext", "beit"])
def test_a_spot_is_found_again_where_the_frame_says(kind, size):
    seen = see(processor_for(kind), Image.new("RGB", size), "tiny")
    left, top, right, bottom = seen.frame
    centre = ((left + right) / 2 * size[0], (top + bottom) / 2 * size[1])
    wide, high = (right - left) * size[0] / 8, (bottom - top) * size[1] / 8
    picture = Image.new("RGB", size)
    box = (centre[0], centre[1], centre[0] + wide, centre[1] + high)
    picture.paste((255, 255, 255), tuple(round(side) for side in box))
    bright = see(processor_for(kind), picture, "tiny").pixels[0].sum(0)
    bright = (bright - bright.min()) / (bright.max() - bright.min())
    down, across = (bright.sum(axis) / bright.sum() for axis in (1, 0))
    places = torch.arange(32) + 0.5
    assert float((across * places).sum()) == pytest.approx(18, abs=0.6)  # the middle of cells 16 to 20
    assert float((down * places).sum()) == pytest.approx(18, abs=0.6)


def test_padding_lies_beyond_the_frames_edges():
    class Padding:
        """Twice as high as wide becomes a square, with half a picture's width of grey on either side."""

        def __call__(self, images: Image.Image, return_tensors: str) -> dict[str, Tensor]:
            pixels = torch.from_numpy(np.asarray(images.resize((16, 32)), np.float32) / 255).permute(2, 0, 1)
            return {"pixel_values": torch.nn.functional.pad(pixels, (8, 8))[None]}

    assert see(Padding(), Image.new("RGB", (100, 200)), "tiny").frame == pytest.approx((-0.5, 0, 1.5, 1), abs=0.006)


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (3, 1), (20, 1)])
def test_pictures_of_a_few_pixels_are_explained_like_any_other(size):
    found = explain(asked("saliency", Image.new("RGB", size, "red")), bundle=bundle("vit"))
    assert np.isfinite(found.scores).all()


@pytest.mark.parametrize(("kind", "level"), [("black", 0), ("white", 255)])
def test_black_and_white_baselines_are_the_processors_own(kind, level):
    held = bundle("beit")
    flat = explain(asked(params={"baseline": kind, "most_passes": 20}), bundle=held)
    plain = explain(asked("saliency", Image.new("RGB", PHOTO.size, (level,) * 3), target=flat.targets[0]), bundle=held)
    assert flat.baselines[0] == pytest.approx(plain.values[0], abs=CLOSE)


def test_the_grey_baseline_is_zero_and_the_mean_is_the_pictures_own():
    held = bundle("vit")
    pixels = see(held.processor, PHOTO, "tiny").pixels
    for kind, baseline in (("grey", torch.zeros_like(pixels)), ("mean", pixels.mean((2, 3), keepdim=True))):
        found = explain(asked(params={"baseline": kind, "most_passes": 20}), bundle=held)
        with torch.no_grad():
            said = held.model(pixel_values=baseline.expand_as(pixels)).logits.softmax(-1)[0, found.targets[0].index]
        assert found.baselines[0] == pytest.approx(float(said), abs=CLOSE)


def test_a_blurred_point_has_the_spread_asked_for_and_a_flat_picture_stays_flat():
    point = torch.zeros(1, 3, 41, 41)
    point[0, :, 20, 20] = 1
    spread = blurred(point, 3.0)[0, 1]
    places = torch.arange(41.0) - 20
    assert float(spread.sum()) == pytest.approx(1, abs=1e-4)
    assert float((spread.sum(0) * places**2).sum()) == pytest.approx(9, rel=0.03)
    torch.testing.assert_close(spread, spread.T)
    torch.testing.assert_close(blurred(torch.full((1, 3, 5, 7), 0.3), 4.0), torch.full((1, 3, 5, 7), 0.3))


def grid_problem(rows: int, columns: int, channels: int = 3) -> tuple[Problem, Tensor]:
    """A linear score of an image, and each value's weight times its distance from the baseline, (T, F)."""
    found, _, shares = linear(rows * columns * channels, 1)
    return replace(found, features=Pixels("image", channels, rows, columns), grid=(rows, columns)), shares


@pytest.mark.parametrize("side", [1, 2, 3, 5, 100])
@pytest.mark.parametrize("batch", [1, 7])
def test_occlusion_of_a_linear_score_is_the_sum_of_weight_times_input_over_the_square(side, batch):
    rows, columns = 5, 7
    found, shares = grid_problem(rows, columns)
    scores = occlusion(replace(found, batch=batch), patch=side).scores.reshape(2, 3, rows, columns)
    products = shares.reshape(2, 3, rows, columns)
    for top in range(0, rows, side):
        for left in range(0, columns, side):
            square = (slice(None), slice(None), slice(top, top + side), slice(left, left + side))
            torch.testing.assert_close(scores[square].sum((1, 2, 3)), products[square].sum((1, 2, 3)))
            torch.testing.assert_close(
                scores[square], scores[square].mean((1, 2, 3), keepdim=True).expand_as(scores[square])
            )
    squares = -(-rows // side) * -(-columns // side)
    assert found.run.forward == squares + 1
    assert found.run.backward == 0


@pytest.mark.parametrize("level", ["word", "token"])
def test_occlusion_of_a_linear_score_of_a_text_is_weight_times_input_of_the_piece(level):
    found, _, shares = linear(5, 3)
    words = (0, 0, 1, 1, 1)
    features = tuple(replace(feature, word=word) for feature, word in zip(found.features, words, strict=True))
    scores = occlusion(replace(found, features=features), level=level).scores
    if level == "token":
        torch.testing.assert_close(scores, shares)
    else:
        torch.testing.assert_close(scores[:, :2].sum(1), shares[:, :2].sum(1))
        torch.testing.assert_close(scores[:, 2:], shares[:, 2:].sum(1, keepdim=True).expand(2, 3) / 3)
    assert found.run.forward == (6 if level == "token" else 3)


def test_occlusion_never_takes_special_tokens_away_and_tells_words_of_two_inputs_apart():
    found, _, shares = linear(4, 2)
    one, two, three, four = found.features
    features = (
        replace(one, special=True, word=None),
        replace(two, word=0),
        replace(three, word=0, field="other"),
        replace(four, word=1),
    )
    scores = occlusion(replace(found, features=features), level="word").scores
    torch.testing.assert_close(scores[:, 1:], shares[:, 1:])
    assert scores[:, 0].abs().max() == 0
    assert found.run.forward == 4


def test_occlusion_needs_no_gradient_at_all():
    counting = False

    def score(points: Tensor) -> Tensor:
        assert not (torch.is_grad_enabled() and counting)
        return points.sum((1, 2))[:, None]

    found = problem(score, torch.arange(6.0)[:, None])
    counting = True
    torch.testing.assert_close(occlusion(found, level="token").scores, torch.arange(6.0)[None])


def test_occlusion_holds_one_batch_of_pictures_at_a_time():
    largest = 0

    def score(points: Tensor) -> Tensor:
        nonlocal largest
        largest = max(largest, len(points))
        return points.sum((1, 2))[:, None]

    x = torch.ones(3 * 64 * 64, 1)
    found = replace(problem(score, x), features=Pixels("image", 3, 64, 64), grid=(64, 64), batch=4)
    largest = 0
    scores = occlusion(found, patch=8).scores
    assert largest == 4
    assert found.run.forward == 65
    torch.testing.assert_close(scores, torch.ones(1, 3 * 64 * 64))


@pytest.mark.parametrize("kind", CONVOLUTIONAL)
def test_grad_cam_is_captums_on_the_last_map(kind):
    held = bundle(kind)
    found = explain(asked("grad_cam", params={"unit": "logit"}), bundle=held)
    seen = see(held.processor, PHOTO, "tiny")
    _, inside = watched(held.model, lambda: held.model(**seen.inputs))
    index = found.targets[0].index
    captum = LayerGradCam(lambda pixels: held.model(pixel_values=pixels).logits, inside.last)
    theirs = captum.attribute(seen.pixels.requires_grad_(), target=index, relu_attributions=True)
    wide = LayerAttribution.interpolate(theirs, (32, 32), "bilinear")[0, 0].detach().numpy()
    np.testing.assert_allclose(found.scores.reshape(3, 32, 32).sum(0), wide, atol=1e-5 * max(1, np.abs(wide).max()))
    assert np.abs(wide).max() > 1e-3


def test_grad_cam_of_an_average_of_maps_is_the_weighted_sum_of_its_maps():
    """Score = Σ_k c_k · mean(A_k): the gradient is c_k / (h·w) everywhere, and so the map Σ_k c_k A_k / (h·w)."""
    activations = torch.randn(1, 4, 6, 6, generator=torch.Generator().manual_seed(1))
    factors = torch.tensor([[1.0, -2.0, 0.5, 3.0], [-1.0, 2.0, -0.5, -3.0]])
    gradients = (factors / 36)[..., None, None].expand(2, 4, 6, 6)
    found, _ = grid_problem(6, 6)
    scores = grad_cam(replace(found, conv=lambda: (activations, gradients))).scores
    right = torch.einsum("tk,khw->thw", factors, activations[0]).relu() / 36
    torch.testing.assert_close(scores.reshape(2, 3, 6, 6).sum(1), right)


@pytest.mark.parametrize("kind", [kind for kind in IMAGES if kind not in CONVOLUTIONAL])
def test_transformers_have_no_last_convolutional_map(kind):
    with pytest.raises(Incompatible, match="conv"):
        explain(asked("grad_cam"), bundle=bundle(kind))


@pytest.mark.parametrize("kind", ATTENDING)
def test_attention_rollout_is_the_product_of_the_models_own_attention(kind):
    held = bundle(kind)
    found = explain(asked("attention_rollout"), bundle=held)
    seen = see(held.processor, PHOTO, "tiny")
    with torch.no_grad():
        layers = held.model(**seen.inputs, output_attentions=True).attentions
    count = layers[0].shape[-1]
    joint = np.eye(count)
    for layer in layers:
        joint = (0.5 * layer[0].double().mean(0).numpy() + 0.5 * np.eye(count)) @ joint
    patches = joint[0, count - 16 :].reshape(4, 4)
    shown = found.scores.astype(np.float64).reshape(3, 4, 8, 4, 8)
    np.testing.assert_allclose(shown.sum((0, 2, 4)), patches, atol=1e-6)
    assert np.ptp(shown, axis=(0, 2, 4)).max() < 1e-9  # alike within a patch
    assert not found.signed


def test_rollout_of_even_attention_forgets_by_half_in_every_layer():
    """Every layer mixes half of what was with the mean of all: after L layers 1/2^L is left of a token's own."""
    rolled = rollout(torch.full((3, 2, 5, 5), 1 / 5))
    torch.testing.assert_close(rolled, torch.eye(5) / 8 + torch.full((5, 5), 7 / 8 / 5))
    torch.testing.assert_close(rolled.sum(1), torch.ones(5))


def test_without_a_class_token_rollout_is_the_mean_over_all_patches():
    weights = torch.rand(2, 3, 6, 6, generator=torch.Generator().manual_seed(5)).softmax(-1)
    found, _ = grid_problem(4, 6)
    scores = attention_rollout(replace(found, attentions=lambda: weights, patches=(2, 3))).scores
    shares = rollout(weights).mean(0).reshape(2, 3)
    torch.testing.assert_close(scores.reshape(2, 3, 2, 2, 3, 2).sum((1, 3, 5)), shares.expand(2, 2, 3))


@pytest.mark.parametrize(("kind", "said"), [("swin", "every patch attend"), ("resnet", "attentions")])
def test_models_whose_patches_do_not_attend_to_all_cannot_be_rolled_out(kind, said):
    with pytest.raises(Incompatible, match=said):
        explain(asked("attention_rollout"), bundle=bundle(kind))


def test_a_model_that_keeps_no_attention_weights_says_how_to_load_it():
    with pytest.raises(Incompatible, match="attn_implementation='eager'"):
        explain(asked("attention_rollout"), bundle=Bundle.of(*seeing("vit", "sdpa")))


@pytest.mark.parametrize("steps", [1, 4, 20])
def test_a_noise_tunnel_without_noise_is_captums_integrated_gradients(steps):
    held = bundle("resnet")
    options = {"samples": 2, "steps": steps, "noise": 0, "unit": "logit"}
    found = explain(asked("noise_tunnel", params=options), bundle=held)
    pixels = see(held.processor, PHOTO, "tiny").pixels
    theirs = IntegratedGradients(lambda x: held.model(pixel_values=x).logits).attribute(
        pixels, target=found.targets[0].index, n_steps=steps
    )
    right = theirs.flatten().detach().numpy()
    np.testing.assert_allclose(found.scores[0], right, atol=1e-5 * np.abs(right).max())
    assert found.evaluations[1] == 2 * steps


@pytest.mark.parametrize("kind", ["smoothgrad", "smoothgrad_sq", "vargrad"])
def test_the_three_noise_tunnels_of_a_linear_score_are_mean_square_and_variance_of_weight_times_copies(kind):
    found, weights, _ = linear(6, 3)
    found = replace(found, seed=11)
    scores = noise_tunnel(found, kind=kind, samples=7, steps=3, noise=0.5)
    deviation = 0.5 * float(found.x.max() - found.x.min())
    copies = Noisy(found.x, deviation, 7, 11)[0:7]
    each = torch.einsum("tfd,nfd->ntf", weights, copies - found.baseline)
    right = {"smoothgrad": each.mean(0), "smoothgrad_sq": (each**2).mean(0), "vargrad": each.var(0, unbiased=False)}
    torch.testing.assert_close(scores.scores, right[kind], atol=1e-4, rtol=1e-4)
    assert scores.signed == (kind == "smoothgrad")


@pytest.mark.parametrize("kind", ["smoothgrad", "smoothgrad_sq", "vargrad"])
def test_the_three_noise_tunnels_combine_maps_as_captum_does(kind):
    """Captum's noise is its own, so both are given the same copies: a tunnel whose noise is 0 sees n equal ones."""
    held = bundle("convnext")
    pixels = see(held.processor, PHOTO, "tiny").pixels
    options = {"samples": 3, "steps": 5, "noise": 0, "unit": "logit", "kind": kind}
    found = explain(asked("noise_tunnel", params=options), bundle=held)
    tunnel = NoiseTunnel(IntegratedGradients(lambda x: held.model(pixel_values=x).logits))
    theirs = tunnel.attribute(pixels, nt_type=kind, nt_samples=3, stdevs=1e-9, target=found.targets[0].index, n_steps=5)
    right = theirs.flatten().detach().numpy()
    np.testing.assert_allclose(found.scores[0], right, atol=1e-4 * max(np.abs(right).max(), 1e-2))


def test_noise_has_a_seed_a_spread_and_no_part_in_the_global_generator():
    held = bundle("vit")
    options = {"samples": 2, "steps": 2, "noise": 0.2}
    torch.manual_seed(1)
    before = torch.get_rng_state()
    one = explain(asked("noise_tunnel", params=options, seed=1), bundle=held)
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(2)
    again = explain(asked("noise_tunnel", params=options, seed=1), bundle=held)
    other = explain(asked("noise_tunnel", params=options, seed=2), bundle=held)
    np.testing.assert_array_equal(one.scores, again.scores)
    assert np.abs(one.scores - other.scores).max() > 1e-6


METHODS_BY_KIND = [
    (kind, method)
    for kind, method in [
        *[("vit", name) for name in ("integrated_gradients", "noise_tunnel", "saliency", "occlusion", "smooth_grad")],
        ("vit", "attention_rollout"),
        ("resnet", "grad_cam"),
        ("resnet", "occlusion"),
        ("swin", "integrated_gradients"),
    ]
]


@pytest.mark.parametrize(("kind", "method"), METHODS_BY_KIND)
def test_a_model_is_as_it_was_after_every_method(kind, method):
    held = bundle(kind)
    explain(asked(method), bundle=held)  # transformers leaves its own hooks at a first request for attention
    before = state(held.model)
    explain(asked(method), bundle=held)
    assert same(before, state(held.model))
    assert held.lock.acquire(timeout=0)
    held.lock.release()


class Enough(Exception):
    """Raised by a progress call, as Streamlit raises to stop a run."""


@pytest.mark.parametrize(("kind", "method"), METHODS_BY_KIND)
def test_a_model_is_as_it_was_when_a_run_is_broken_off(kind, method):
    held = bundle(kind)
    explain(asked(method), bundle=held)
    before = state(held.model)
    for least in (1, 2, 4):
        passes = 0

        def stop(_: str, __: float, least: int = least) -> None:
            nonlocal passes
            passes += 1
            if passes >= least:
                raise Enough

        if method in ("grad_cam", "attention_rollout", "saliency") and least > 2:
            continue
        with pytest.raises(Enough):
            explain(asked(method), bundle=held, batch=1, progress=stop)
    assert same(before, state(held.model))
    assert not held.lock.locked()


@pytest.mark.parametrize("kind", ["resnet", "vit"])
def test_hooks_are_removed_when_the_model_itself_breaks(kind):
    held = bundle(kind)
    before = state(held.model)
    seen = see(held.processor, PHOTO, "tiny")

    def breaking(*_: object) -> None:
        raise Enough

    handle = held.model.register_forward_pre_hook(breaking)
    with pytest.raises(Enough):
        watched(held.model, lambda: held.model(**seen.inputs))
    handle.remove()
    assert same(before, state(held.model))


def test_threads_that_share_a_model_get_what_each_would_get_alone():
    held = bundle("resnet")
    requests = [asked("grad_cam", target=i % 3) for i in range(6)]
    alone = [explain(request, bundle=held) for request in requests]
    found: dict[int, Explanation] = {}
    threads = [
        threading.Thread(target=lambda i=i: found.__setitem__(i, explain(requests[i], bundle=held))) for i in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i, one in enumerate(alone):
        np.testing.assert_array_equal(one.scores, found[i].scores)


def test_the_work_of_a_model_is_counted_from_its_own_layers():
    """A 3 × 3 convolution of 2 to 4 channels on 8 × 8 pixels multiplies 4·2·9·64 times, a layer of 256 to 5 256·5."""
    model = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(256, 5))
    _, inside = watched(model, lambda: model(torch.zeros(1, 2, 8, 8)))
    assert inside.work == 4 * 2 * 9 * 64 + 256 * 5
    assert inside.last is model[1]
    assert inside.patches == inside.size == (8, 8)


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({}, "There is no image. Upload"),
        ({"image": "a cat"}, "There is no image. Upload"),
        ({"picture": PHOTO}, "no input 'picture'. Its input: image"),
        ({"image": b"no image"}, "no image, or it is damaged"),
    ],
)
def test_a_request_without_a_picture_is_refused(inputs, said):
    with pytest.raises(BadRequest, match=said):
        explain(Request("image_classification", "tiny", inputs), bundle=bundle("vit"))


def test_a_model_without_an_image_processor_is_refused():
    model, tokenizer = tiny("bert")
    with pytest.raises(Incompatible, match="no image processor"):
        explain(asked(), bundle=Bundle.of(model, tokenizer))


def test_a_picture_is_explained_upright():
    lying = PHOTO.transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    lying.save(file, "PNG", exif=exif)
    held = bundle("convnext")
    one, other = (explain(asked("saliency", image), bundle=held) for image in (PHOTO, file.getvalue()))
    np.testing.assert_array_equal(one.scores, other.scores)


def test_the_examples_are_the_photographs():
    task = ImageClassification()
    assert [dict(example.inputs)["image"] for example in task.examples] == [shown.picture for shown in PHOTOGRAPHS]


def test_every_method_for_images_is_registered():
    assert {"occlusion", "grad_cam", "attention_rollout", "noise_tunnel"} <= set(METHODS)
