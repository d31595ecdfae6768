"""Every method explains generated tokens of decoders and encoder-decoders; attention is read at the right position."""

import numpy as np
import pytest
import torch

from explainers import METHODS, explain
from explainers.errors import Incompatible
from tests.support.generation_models import DECODERS, TRANSLATORS, WRITERS, Prefix, bundle_of, ids_of, request_of

SHORT = "and rude"
FEW = {"samples": 20, "steps": 20, "orders": 2, "most_passes": 60}
# Methods for images, and methods that hook one embedding where two run.
UNFIT = {"grad_cam": WRITERS, "layer_integrated_gradients": TRANSLATORS}


@pytest.mark.parametrize("kind", ["llama", "bart"])
@pytest.mark.parametrize("key", list(METHODS))
def test_every_method_scores_visible_tokens_only(kind, key):
    method = METHODS[key]
    params = {"end": 2} | {param.name: FEW[param.name] for param in method.params if param.name in FEW}
    request = request_of(kind, SHORT, key, params=params)
    if kind in UNFIT.get(key, ()):
        with pytest.raises(Incompatible, match="needs the model's"):
            explain(request, bundle=bundle_of(kind))
        return
    explanation = explain(request, bundle=bundle_of(kind))
    places = np.array([target.position for target in explanation.targets])
    before = np.arange(len(explanation.features)) < places[:, None]
    assert np.array_equal(np.isfinite(explanation.scores), before)
    assert np.array_equal(np.isnan(explanation.scores), ~before)
    assert np.nanmax(np.abs(explanation.scores)) > 0


def run_prefix(bundle, explanation, t, **asked):
    """Run the model on the text before token t."""
    prefix = Prefix(bundle, ids_of(explanation), t)
    names = ("input_ids", "decoder_input_ids")
    with torch.no_grad():
        return bundle.model(**dict(zip(names, prefix.ids, strict=False)), use_cache=False, **asked)


@pytest.mark.parametrize("kind", DECODERS)
@pytest.mark.parametrize(("layer", "head"), [(1, 3), (2, 0)])
def test_attention_is_the_row_of_the_last_token_before_the_generated_one(kind, layer, head):
    bundle = bundle_of(kind)
    explanation = explain(request_of(kind, SHORT, "attention", params={"layer": layer, "head": head}), bundle=bundle)
    for t in (0, len(explanation.targets) - 1):
        rows = run_prefix(bundle, explanation, t, output_attentions=True).attentions[layer - 1][0, :, -1]
        expected = rows[head - 1] if head else rows.mean(0)
        scores = explanation.scores[t][~np.isnan(explanation.scores[t])]
        np.testing.assert_allclose(scores, expected, atol=1e-5)


@pytest.mark.parametrize("kind", TRANSLATORS)
def test_attention_of_encoder_decoders_is_half_cross_attention_and_half_self_attention(kind):
    bundle = bundle_of(kind)
    explanation = explain(request_of(kind, SHORT, "attention", params={"layer": 2, "head": 4}), bundle=bundle)
    for t in (0, len(explanation.targets) - 1):
        output = run_prefix(bundle, explanation, t, output_attentions=True)
        across, before = output.cross_attentions[1][0, 3, -1], output.decoder_attentions[1][0, 3, -1]
        scores = explanation.scores[t][~np.isnan(explanation.scores[t])]
        np.testing.assert_allclose(scores, torch.cat([across, before]) / 2, atol=1e-5)


@pytest.mark.parametrize("kind", ["t5", "marian"])
def test_rollout_of_encoder_decoders_starts_with_the_encoder_layers(kind):
    """Compared with the recursion for source and target tokens separately."""
    bundle = bundle_of(kind)
    explanation = explain(request_of(kind, SHORT, "attention_rollout"), bundle=bundle)
    t = len(explanation.targets) - 1
    output = run_prefix(bundle, explanation, t, output_attentions=True)
    read = torch.eye(output.encoder_attentions[0].shape[-1])
    for layer in output.encoder_attentions:
        read = (read + layer[0].mean(0) @ read) / 2
    length = output.decoder_attentions[0].shape[-1]
    source, target = torch.zeros(length, len(read)), torch.eye(length)
    for own, cross in zip(output.decoder_attentions, output.cross_attentions, strict=True):
        own, cross = own[0].mean(0), cross[0].mean(0)
        source = (source + (own @ source + cross @ read) / 2) / 2
        target = (target + own @ target / 2) / 2
    scores = explanation.scores[t][~np.isnan(explanation.scores[t])]
    np.testing.assert_allclose(scores, torch.cat([source[-1], target[-1]]), atol=1e-5)


@pytest.mark.parametrize("kind", ["llama", "bart"])
def test_value_zeroing_of_the_last_layer_is_how_far_the_last_state_moves(kind):
    """Compared with the model run on the prefix with one row of one value layer set to zero."""
    bundle = bundle_of(kind)
    explanation = explain(request_of(kind, SHORT, "value_zeroing", params={"through": "last"}), bundle=bundle)
    t = len(explanation.targets) - 1
    states = "decoder_hidden_states" if kind == "bart" else "hidden_states"
    plain = run_prefix(bundle, explanation, t, output_hidden_states=True)[states][-1][0, -1]
    layer = (bundle.model.get_decoder() if kind == "bart" else bundle.model.model).layers[-1]
    source = Prefix(bundle, ids_of(explanation), t).ids[0].shape[1] if kind == "bart" else 0
    moved = []
    for place in range(explanation.targets[t].position):
        across = place < source
        module = (layer.encoder_attn if across else layer.self_attn).v_proj
        row = place if across else place - source

        def without(_, __, output, row=row):
            return output.index_fill(1, torch.tensor([row]), 0.0)

        handle = module.register_forward_hook(without)
        changed = run_prefix(bundle, explanation, t, output_hidden_states=True)[states][-1][0, -1]
        handle.remove()
        moved.append(1 - float(torch.cosine_similarity(changed, plain, dim=0)))
    scores = explanation.scores[t][: len(moved)]
    np.testing.assert_allclose(scores, np.array(moved) / sum(moved), atol=1e-3)
