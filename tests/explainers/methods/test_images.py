"""Occlusion, Grad-CAM, rollout and the noise tunnel on images, against closed forms and Captum."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients, LayerAttribution, LayerGradCam, NoiseTunnel
from torch import Tensor

from explainers import Bundle, explain
from explainers.errors import Incompatible
from explainers.methods.attention import attention_rollout, compute_rollout
from explainers.methods.grad_cam import grad_cam
from explainers.methods.noise_tunnel import noise_tunnel
from explainers.methods.occlusion import occlusion
from explainers.models.probes.vision import watch
from explainers.problem import NoisyCopies, Problem
from explainers.results.explanation import Pixels
from explainers.tasks.image_preprocessing import preprocess
from tests.support.image_models import ATTENDING, CONVOLUTIONAL, PHOTO, make_bundle, make_image_model, make_request
from tests.support.problems import change_problem, make_linear_problem, make_problem
from tests.support.tiny import IMAGES


def make_grid_problem(rows: int, columns: int, channels: int = 3) -> tuple[Problem, Tensor]:
    """Make a linear score of an image, with weight times (input - baseline), (T, F)."""
    problem, _, shares = make_linear_problem(rows * columns * channels, 1)
    return change_problem(problem, features=Pixels("image", channels, rows, columns), grid=(rows, columns)), shares


@pytest.mark.parametrize("side", [1, 2, 3, 5, 100])
@pytest.mark.parametrize("batch", [1, 7])
def test_occlusion_of_a_linear_score_is_the_sum_of_weight_times_input_over_the_square(side, batch):
    rows, columns = 5, 7
    problem, shares = make_grid_problem(rows, columns)
    scores = occlusion(change_problem(problem, size=batch), patch=side).scores.reshape(2, 3, rows, columns)
    products = shares.reshape(2, 3, rows, columns)
    for top in range(0, rows, side):
        for left in range(0, columns, side):
            square = (slice(None), slice(None), slice(top, top + side), slice(left, left + side))
            torch.testing.assert_close(scores[square].sum((1, 2, 3)), products[square].sum((1, 2, 3)))
            torch.testing.assert_close(
                scores[square], scores[square].mean((1, 2, 3), keepdim=True).expand_as(scores[square])
            )
    squares = -(-rows // side) * -(-columns // side)
    assert problem.run.forward == squares + 1
    assert problem.run.backward == 0


@pytest.mark.parametrize("level", ["word", "token"])
def test_occlusion_of_a_linear_score_of_a_text_is_weight_times_input_of_the_word(level):
    problem, _, shares = make_linear_problem(5, 3)
    words = (0, 0, 1, 1, 1)
    features = tuple(replace(feature, word=word) for feature, word in zip(problem.features, words, strict=True))
    scores = occlusion(replace(problem, features=features), level=level).scores
    if level == "token":
        torch.testing.assert_close(scores, shares)
    else:
        torch.testing.assert_close(scores[:, :2].sum(1), shares[:, :2].sum(1))
        torch.testing.assert_close(scores[:, 2:], shares[:, 2:].sum(1, keepdim=True).expand(2, 3) / 3)
    assert problem.run.forward == (6 if level == "token" else 3)


def test_occlusion_keeps_special_tokens_and_separates_words_of_two_inputs():
    problem, _, shares = make_linear_problem(4, 2)
    one, two, three, four = problem.features
    features = (
        replace(one, special=True, word=None),
        replace(two, word=0),
        replace(three, word=0, field="other"),
        replace(four, word=1),
    )
    scores = occlusion(replace(problem, features=features), level="word").scores
    torch.testing.assert_close(scores[:, 1:], shares[:, 1:])
    assert scores[:, 0].abs().max() == 0
    assert problem.run.forward == 4


def test_occlusion_computes_no_gradient():
    counting = False

    def score(points: Tensor) -> Tensor:
        assert not (torch.is_grad_enabled() and counting)
        return points.sum((1, 2))[:, None]

    problem = make_problem(score, torch.arange(6.0)[:, None])
    counting = True
    torch.testing.assert_close(occlusion(problem, level="token").scores, torch.arange(6.0)[None])


def test_occlusion_evaluates_one_batch_of_images_at_a_time():
    largest = 0

    def score(points: Tensor) -> Tensor:
        nonlocal largest
        largest = max(largest, len(points))
        return points.sum((1, 2))[:, None]

    x = torch.ones(3 * 64 * 64, 1)
    problem = change_problem(make_problem(score, x), features=Pixels("image", 3, 64, 64), grid=(64, 64), size=4)
    largest = 0
    scores = occlusion(problem, patch=8).scores
    assert largest == 4
    assert problem.run.forward == 65
    torch.testing.assert_close(scores, torch.ones(1, 3 * 64 * 64))


class Fixed(torch.nn.Module):
    """A layer with the same maps (1, K, h, w) for every input."""

    def __init__(self, maps: Tensor) -> None:
        super().__init__()
        self.maps = maps

    def forward(self, points: Tensor) -> Tensor:
        """Depend on the input without being changed by it."""
        return self.maps + 0 * points.sum()


@pytest.mark.parametrize("kind", CONVOLUTIONAL)
def test_grad_cam_equals_captum_on_the_last_convolutional_map(kind):
    held = make_bundle(kind)
    explanation = explain(make_request("grad_cam", params={"unit": "logit"}), bundle=held)
    seen = preprocess(held.processor, PHOTO, "tiny")
    _, inside = watch(held.model, seen.pixels, lambda: held.model(**seen.inputs))
    index = explanation.targets[0].index
    captum = LayerGradCam(lambda pixels: held.model(pixel_values=pixels).logits, inside.last)
    theirs = captum.attribute(seen.pixels.requires_grad_(), target=index, relu_attributions=True)
    wide = LayerAttribution.interpolate(theirs, (32, 32), "bilinear")[0, 0].detach().numpy()
    np.testing.assert_allclose(
        explanation.scores.reshape(3, 32, 32).sum(0), wide, atol=1e-5 * max(1, np.abs(wide).max())
    )
    assert np.abs(wide).max() > 1e-3


def test_grad_cam_of_an_average_of_maps_is_the_weighted_sum_of_its_maps():
    """Score = Σ_k c_k · mean(A_k): the gradient is c_k / (h·w) everywhere, and so the map Σ_k c_k A_k / (h·w)."""
    activations = torch.randn(1, 4, 6, 6, generator=torch.Generator().manual_seed(1))
    factors = torch.tensor([[1.0, -2.0, 0.5, 3.0], [-1.0, 2.0, -0.5, -3.0]])
    conv = Fixed(activations)
    problem, _ = make_grid_problem(6, 6)
    scores = grad_cam(
        change_problem(replace(problem, score=lambda x: conv(x).mean((2, 3)) @ factors.T), conv=conv)
    ).scores
    right = torch.einsum("tk,khw->thw", factors, activations[0]).relu() / 36
    torch.testing.assert_close(scores.reshape(2, 3, 6, 6).sum(1), right)


@pytest.mark.parametrize("kind", [kind for kind in IMAGES if kind not in CONVOLUTIONAL])
def test_transformers_have_no_last_convolutional_map(kind):
    with pytest.raises(Incompatible, match="conv"):
        explain(make_request("grad_cam"), bundle=make_bundle(kind))


@pytest.mark.parametrize("kind", ATTENDING)
def test_attention_rollout_is_the_product_of_the_models_own_attention(kind):
    held = make_bundle(kind)
    explanation = explain(make_request("attention_rollout"), bundle=held)
    seen = preprocess(held.processor, PHOTO, "tiny")
    with torch.no_grad():
        layers = held.model(**seen.inputs, output_attentions=True).attentions
    count = layers[0].shape[-1]
    joint = np.eye(count)
    for layer in layers:
        joint = (0.5 * layer[0].double().mean(0).numpy() + 0.5 * np.eye(count)) @ joint
    patches = joint[0, count - 16 :].reshape(4, 4)
    shown = explanation.scores.astype(np.float64).reshape(3, 4, 8, 4, 8)
    np.testing.assert_allclose(shown.sum((0, 2, 4)), patches, atol=1e-6)
    assert np.ptp(shown, axis=(0, 2, 4)).max() < 1e-9  # alike within a patch
    assert not explanation.signed


def test_rollout_of_uniform_attention_halves_the_own_share_in_every_layer():
    """Every layer averages with uniform attention, so 1/2^L of a token's own share is left after L layers."""
    rolled = compute_rollout(torch.full((3, 2, 5, 5), 1 / 5))
    torch.testing.assert_close(rolled, torch.eye(5) / 8 + torch.full((5, 5), 7 / 8 / 5))
    torch.testing.assert_close(rolled.sum(1), torch.ones(5))


def test_without_a_class_token_rollout_is_the_mean_over_all_patches():
    weights = torch.rand(2, 3, 6, 6, generator=torch.Generator().manual_seed(5)).softmax(-1)
    problem, _ = make_grid_problem(4, 6)
    scores = attention_rollout(change_problem(problem, attentions=lambda: weights, patches=(2, 3))).scores
    shares = compute_rollout(weights).mean(0).reshape(2, 3)
    torch.testing.assert_close(scores.reshape(2, 3, 2, 2, 3, 2).sum((1, 3, 5)), shares.expand(2, 2, 3))


@pytest.mark.parametrize(("kind", "said"), [("swin", "between all patches"), ("resnet", "attentions")])
def test_rollout_is_refused_for_models_without_attention_between_all_patches(kind, said):
    with pytest.raises(Incompatible, match=said):
        explain(make_request("attention_rollout"), bundle=make_bundle(kind))


def test_a_model_without_attention_weights_is_refused_with_the_way_to_load_it():
    with pytest.raises(Incompatible, match="attn_implementation='eager'"):
        explain(make_request("attention_rollout"), bundle=Bundle.of(*make_image_model("vit", "sdpa")))


@pytest.mark.parametrize("steps", [1, 4, 20])
def test_a_noise_tunnel_without_noise_equals_captums_integrated_gradients(steps):
    held = make_bundle("resnet")
    options = {"samples": 2, "steps": steps, "noise": 0, "unit": "logit"}
    explanation = explain(make_request("noise_tunnel", params=options), bundle=held)
    pixels = preprocess(held.processor, PHOTO, "tiny").pixels
    theirs = IntegratedGradients(lambda x: held.model(pixel_values=x).logits).attribute(
        pixels, target=explanation.targets[0].index, n_steps=steps
    )
    right = theirs.flatten().detach().numpy()
    np.testing.assert_allclose(explanation.scores[0], right, atol=1e-5 * np.abs(right).max())
    assert explanation.evaluations[1] == 2 * steps


@pytest.mark.parametrize("kind", ["smoothgrad", "smoothgrad_sq", "vargrad"])
def test_the_three_noise_tunnels_of_a_linear_score_are_mean_square_and_variance_of_weight_times_copies(kind):
    problem, weights, _ = make_linear_problem(6, 3)
    problem = replace(problem, seed=11)
    scores = noise_tunnel(problem, kind=kind, samples=7, steps=3, noise=0.5)
    deviation = 0.5 * float(problem.x.max() - problem.x.min())
    copies = NoisyCopies(problem.x, deviation, 7, 11)[0:7]
    each = torch.einsum("tfd,nfd->ntf", weights, copies - problem.baseline)
    right = {"smoothgrad": each.mean(0), "smoothgrad_sq": (each**2).mean(0), "vargrad": each.var(0, unbiased=False)}
    torch.testing.assert_close(scores.scores, right[kind], atol=1e-4, rtol=1e-4)
    assert scores.signed == (kind == "smoothgrad")


@pytest.mark.parametrize("kind", ["smoothgrad", "smoothgrad_sq", "vargrad"])
def test_the_three_noise_tunnels_combine_maps_as_captum_does(kind):
    """Without noise, all copies are equal in both implementations."""
    held = make_bundle("convnext")
    pixels = preprocess(held.processor, PHOTO, "tiny").pixels
    options = {"samples": 3, "steps": 5, "noise": 0, "unit": "logit", "kind": kind}
    explanation = explain(make_request("noise_tunnel", params=options), bundle=held)
    tunnel = NoiseTunnel(IntegratedGradients(lambda x: held.model(pixel_values=x).logits))
    theirs = tunnel.attribute(
        pixels, nt_type=kind, nt_samples=3, stdevs=1e-9, target=explanation.targets[0].index, n_steps=5
    )
    right = theirs.flatten().detach().numpy()
    np.testing.assert_allclose(explanation.scores[0], right, atol=1e-4 * max(np.abs(right).max(), 1e-2))


def test_noise_depends_on_the_seed_and_not_on_the_global_generator():
    held = make_bundle("vit")
    options = {"samples": 2, "steps": 2, "noise": 0.2}
    torch.manual_seed(1)
    before = torch.get_rng_state()
    one = explain(make_request("noise_tunnel", params=options, seed=1), bundle=held)
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(2)
    again = explain(make_request("noise_tunnel", params=options, seed=1), bundle=held)
    other = explain(make_request("noise_tunnel", params=options, seed=2), bundle=held)
    np.testing.assert_array_equal(one.scores, again.scores)
    assert np.abs(one.scores - other.scores).max() > 1e-6
