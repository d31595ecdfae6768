"""Properties of every method: JSON round trip, unchanged models, no global randomness."""

import pytest
import torch

from explainers import METHODS, Bundle, Request, explain
from explainers.export.serialize import from_json, to_json
from explainers.models.card import CONVOLUTIONS, PATCHES
from explainers.models.card import TEXT as CARD_TEXT
from tests.support.image_models import Stopped, are_equal, make_bundle, make_request, read_state
from tests.support.quick import choose_quick_settings
from tests.support.sentences import SENTENCES
from tests.support.tiny import tiny

TEXTUAL = [key for key, method in METHODS.items() if method.needs <= CARD_TEXT]
SEEING = [
    (kind, key)
    for kind, provides in (("vit", PATCHES), ("resnet", CONVOLUTIONS))
    for key, method in METHODS.items()
    if method.needs <= provides
]


@pytest.mark.parametrize("method", TEXTUAL)
def test_explanations_survive_a_json_round_trip(method):
    request = Request(
        "text_classification",
        "tiny",
        {"text": SENTENCES[1]},
        method,
        params=choose_quick_settings(method) | ({"norm": "L2"} if method == "smooth_grad" else {}),
    )
    made = explain(request, bundle=Bundle.of(*tiny("bert", attn_implementation="eager")))
    assert from_json(to_json(made)) == made
    assert from_json(to_json(made.by_word())) == made.by_word()


@pytest.mark.parametrize(("kind", "method"), SEEING)
def test_image_models_are_unchanged_after_every_method_even_when_cancelled(kind, method):
    held = make_bundle(kind)
    request = make_request(method, params=choose_quick_settings(method) | choose_patch(method))
    explain(request, bundle=held)  # transformers leaves its own hooks at a first request for attention
    before = read_state(held.model)
    explanation = explain(request, bundle=held)
    assert are_equal(before, read_state(held.model))
    assert abs(explanation.scores).max() > 0

    passes = 0

    def stop(_: str, __: float) -> None:
        nonlocal passes
        passes += 1
        if passes == 2:
            raise Stopped

    with pytest.raises(Stopped):
        explain(request, bundle=held, batch=1, progress=stop)
    assert are_equal(before, read_state(held.model))
    assert not held.lock.locked()


def choose_patch(method: str) -> dict[str, int]:
    """Return a patch side that divides an image of 32 by 32 into several squares."""
    return {param.name: 8 for param in METHODS[method].params if param.name == "patch"}


@pytest.mark.parametrize("method", TEXTUAL)
def test_every_method_leaves_the_global_generator_alone_and_declares_its_needs(method):
    held = Bundle.of(*tiny("bert", attn_implementation="eager"))
    before = torch.get_rng_state()
    text = Request("text_classification", "tiny", {"text": SENTENCES[1]}, method, params=choose_quick_settings(method))
    explanation = explain(text, bundle=held)
    assert torch.equal(before, torch.get_rng_state())
    if not METHODS[method].needs & {"gradients", "hidden", "attentions", "zeroing", "conv", "layer"}:
        assert explanation.evaluations[1] == 0  # a black box
