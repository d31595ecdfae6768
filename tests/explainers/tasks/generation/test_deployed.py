"""One pass for all generated tokens equals one pass per token: attributions, contrasts; no hook is left behind."""

import numpy as np
import pytest
import torch
from captum.attr import InputXGradient, IntegratedGradients

from explainers import ExplainerError, Target, explain
from explainers.errors import BadRequest, Incompatible, LimitReached
from tests.support.generation_models import BEFORE, WRITERS, Prefix, bundle_of, ids_of, request_of

SHORT = "and rude"
STEPS = 300


def sum_over_width(parts):
    """Return the scores of the tokens of one or two texts, summed over the width, (N,)."""
    return torch.cat([part.sum(-1)[0] for part in parts]).detach().numpy()


@pytest.mark.parametrize("kind", WRITERS)
def test_integrated_gradients_of_each_token_equal_captums_for_its_prefix_alone(kind):
    """The reference sees only the prefix, runs one pass per token, and takes 300 steps."""
    bundle = bundle_of(kind, wide=0.15, initializer_factor=0.3)
    params = {"tolerance": 0.001, "most_passes": 1000, "unit": "log_probability", "end": 3}
    explanation = explain(request_of(kind, SHORT, "integrated_gradients", params=params), bundle=bundle)
    assert explanation.converged == (True, True, True)
    ids = ids_of(explanation)
    for t in (0, 2):
        prefix = Prefix(bundle, ids, t)
        reference = IntegratedGradients(lambda *x, p=prefix, t=t: p.logits(*x).log_softmax(-1)[:, ids[t]])
        kept = bundle.tokenizer.all_special_ids
        baseline = prefix.make_baseline(bundle.tokenizer.unk_token_id, kept)
        expected = sum_over_width(reference.attribute(prefix.points, baseline, n_steps=STEPS, internal_batch_size=64))
        scores = explanation.scores[t][~np.isnan(explanation.scores[t])]
        assert scores.shape == expected.shape
        assert np.abs(scores - expected).sum() <= 0.01 * np.abs(expected).sum()
        assert explanation.values[t] - explanation.baselines[t] == pytest.approx(expected.sum(), rel=0.01)


@pytest.mark.parametrize("kind", WRITERS)
def test_a_contrast_is_the_difference_of_both_logits_and_of_their_gradients(kind):
    bundle = bundle_of(kind)
    foil = "of bread"
    plain = explain(request_of(kind, SHORT), bundle=bundle)
    request = request_of(kind, SHORT, "input_x_gradient", target=Target(foil=foil), params={"unit": "logit"})
    explanation = explain(request, bundle=bundle)
    ids = ids_of(plain)
    assert explanation.unit == "logit_margin"
    own = bundle.tokenizer(text_target=foil if bundle.model.config.is_encoder_decoder else " " + foil)["input_ids"]
    for target, scores, value in zip(explanation.targets, explanation.scores, explanation.values, strict=True):
        t = [other.position for other in plain.targets].index(target.position)
        prefix = Prefix(bundle, ids, t)
        other = next(token for token in own if bundle.tokenizer.decode([token]).strip() == target.foil.strip())
        assert other != target.index

        def margin(*points, prefix=prefix, token=target.index, other=other):
            logits = prefix.logits(*points)
            return logits[:, token] - logits[:, other]

        assert value == pytest.approx(float(margin(*prefix.points).detach()), abs=1e-4)
        expected = sum_over_width(InputXGradient(margin).attribute(tuple(p.requires_grad_() for p in prefix.points)))
        np.testing.assert_allclose(scores[~np.isnan(scores)], expected, atol=1e-4, rtol=1e-3)


def test_integrated_gradients_of_a_contrast_add_up():
    explanation = explain(
        request_of("gpt2", SHORT, "integrated_gradients", target=Target(foil="of bread")), bundle=bundle_of("gpt2")
    )
    assert explanation.unit == "probability_margin"
    assert all(explanation.converged)
    assert (explanation.relative_error <= 0.005).all()
    rows = dict(explanation.steps)
    assert np.allclose(rows["probability_margin"], explanation.values, atol=1e-6)


def state(model):
    """Every module's hooks and mode."""
    return [(len(m._forward_hooks), len(m._forward_pre_hooks), m.training) for m in model.modules()]


class Stop(ExplainerError):
    """Somebody pressed Cancel."""


@pytest.mark.parametrize("kind", ["llama", "bart"])
@pytest.mark.parametrize("when", [1, 2, 4])
def test_a_run_that_fails_leaves_no_hook_and_the_model_in_eval_mode(kind, when):
    bundle = bundle_of(kind)
    calls, before = 0, state(bundle.model)
    generator = torch.get_rng_state()

    def progress(*_):
        nonlocal calls
        calls += 1
        if calls == when:
            raise Stop

    params = {"unit": "dropout_spread", "dropout_samples": 2}
    with pytest.raises((Stop, Incompatible)):
        explain(request_of(kind, params=params), bundle=bundle, progress=progress)
    assert state(bundle.model) == before
    assert not bundle.lock.locked()
    assert torch.equal(torch.get_rng_state(), generator)


def test_the_spread_under_dropout_is_that_of_passes_with_dropout_and_has_a_gradient():
    bundle = bundle_of("gpt2")
    params = {"unit": "dropout_spread", "dropout_samples": 6}
    one, same = (explain(request_of("gpt2", SHORT, params=params, seed=3), bundle=bundle) for _ in range(2))
    assert np.array_equal(one.scores, same.scores, equal_nan=True)
    assert (one.values > 0).all()
    assert dict(one.steps)["dropout_spread"] == pytest.approx(one.values.tolist())
    ids, model = ids_of(one), bundle.model
    whole = torch.tensor([bundle.tokenizer(BEFORE)["input_ids"] + ids])
    probabilities = []
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        for seed in range(3000, 3006):
            torch.manual_seed(seed)
            model.train()
            probabilities.append(model(input_ids=whole).logits[0, -2].softmax(-1)[ids[-1]])
            model.eval()
    assert one.values[-1] == pytest.approx(float(torch.stack(probabilities).std(correction=0)), rel=1e-4)
    assert np.nanmax(np.abs(one.scores)) > 0


def test_a_model_without_dropout_is_refused_or_noticed():
    bundle = bundle_of("llama")
    with pytest.raises(Incompatible, match="has no dropout"):
        explain(request_of("llama", params={"unit": "dropout_spread", "dropout_samples": 2}), bundle=bundle)
    shown = explain(request_of("llama", params={"dropout_samples": 2}), bundle=bundle)
    assert any("no dropout" in notice for notice in shown.notices)
    assert set(dict(shown.steps)["dropout_spread"]) == {0.0}


def test_p_cxmi_compares_the_probabilities_with_and_without_the_context():
    bundle = bundle_of("llama")
    request = request_of("llama", SHORT, params={"unit": "p_cxmi"})
    with pytest.raises(BadRequest, match="without its context"):
        explain(request, bundle=bundle)
    inputs = dict(request.inputs) | {"without_context": "was cold"}
    explanation = explain(type(request)(request.task, "tiny", inputs, "saliency", params=request.params), bundle=bundle)
    ids = ids_of(explanation)
    for t, value in enumerate(explanation.values):
        with torch.no_grad():
            with_it, without = (
                float(prefix.logits(*prefix.points)[0].softmax(-1)[ids[t]])
                for prefix in (Prefix(bundle, ids, t), Prefix(bundle, ids, t, "was cold"))
            )
        assert value == pytest.approx(np.log2(with_it / without), abs=1e-3)
    rows = dict(explanation.steps)
    assert rows["p_cxmi"] == pytest.approx(explanation.values.tolist())
    assert min(rows["kl_divergence"]) > 0


def test_the_top_p_size_has_no_gradient_and_is_refused_by_gradient_methods():
    request = request_of("llama", params={"unit": "top_p_size"})
    with pytest.raises(Incompatible, match="has no gradient"):
        explain(request, bundle=bundle_of("llama"))
    explanation = explain(
        request_of("llama", method="occlusion", params={"unit": "top_p_size"}), bundle=bundle_of("llama")
    )
    assert (explanation.values == np.round(explanation.values)).all()


def test_a_text_too_large_for_the_memory_is_refused_before_it_is_tried(monkeypatch):
    monkeypatch.setattr("explainers.tasks.generation.problem.GRAPH_BYTES", 1e5)
    with pytest.raises(LimitReached, match="tokens, and explaining them would take"):
        explain(request_of("llama"), bundle=bundle_of("llama"))


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_two_hundred_generated_tokens_are_explained_in_one_run(kind):
    bundle = bundle_of(kind, **{"n_positions" if kind == "gpt2" else "max_position_embeddings": 512})
    explanation = explain(request_of(kind, "and the waiter was rude " * 17, params={"norm": "L2"}), bundle=bundle)
    assert len(explanation.targets) > 200
    assert explanation.evaluations[0] < 10
    assert explanation.evaluations[1] == len(explanation.targets)
