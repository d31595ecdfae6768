"""Masked words: the pipeline's words and probabilities, any word as target, and a baseline that keeps the masks."""

from dataclasses import replace

import pytest
import torch
from transformers import pipeline

from explainers import TASKS, Bundle, Request, Target, attack, explain, predict
from explainers.engine import validate
from explainers.errors import BadRequest, Incompatible, LimitReached
from explainers.export.serialize import from_json, to_json
from explainers.progress import Run
from explainers.tasks._mask_tokens import find_token, name_token
from explainers.visualization.summaries.attack import describe_attack
from explainers.visualization.summaries.classification import describe_explanation
from explainers.visualization.text.entities import split_entities
from tests.support.nli import make_named
from tests.support.tiny import tiny

KINDS = ["bert", "roberta", "xlm-roberta", "distilbert", "bart"]
TEXT = "The cast is [MASK], and the story is not cold."
TWO = "The ___ is wonderful, and the [MASK] was cold."


def make_request(text=TEXT, method="saliency", target=None, **params):
    return Request("fill_mask", "tiny", {"text": text}, method, target, params)


@pytest.fixture(params=KINDS)
def bundle(request):
    return Bundle.of(*tiny(request.param, task="fill_mask"))


def encode(bundle, request):
    return TASKS["fill_mask"].encode(bundle, validate(request)[0], Run())


def test_words_and_probabilities_are_the_pipelines_for_every_mask(bundle):
    mask = bundle.tokenizer.mask_token
    fill = pipeline("fill-mask", model=bundle.model, tokenizer=bundle.tokenizer, top_k=10)
    for text in (TEXT, TWO, "[MASK]", "not ___, but ___ and ___"):
        written = text.replace("[MASK]", mask).replace("___", mask)
        deployed = fill(written)
        deployed = deployed if written.count(mask) > 1 else [deployed]
        found = predict(make_request(text), bundle=bundle).targets
        places = sorted({target.position for target in found})
        assert len(places) == len(deployed)
        for place, rows in zip(places, deployed, strict=True):
            own = [target for target in found if target.position == place]
            assert [target.index for target in own] == [row["token"] for row in rows]
            assert [t.probability for t in own] == pytest.approx([row["score"] for row in rows], abs=1e-6)


def test_every_token_of_the_vocabulary_has_a_name_that_finds_it_again(bundle):
    tokens = range(len(bundle.tokenizer))
    names = [name_token(bundle, i) for i in tokens]
    assert len(set(names)) == len(names)
    assert [find_token(bundle, name) for name in names if name.strip() == name] == [
        i for i, name in zip(tokens, names, strict=True) if name.strip() == name
    ]


def test_any_word_can_be_explained_at_any_mask_and_compared_with_any_other(bundle):
    first, second = sorted({target.position for target in predict(make_request(TWO), bundle=bundle).targets})
    logits = encode(bundle, make_request(TWO, target=Target("bakery", position=second))).deployed
    found = explain(make_request(TWO, target=Target("bakery", position=second, foil="another")), bundle=bundle)
    other = explain(make_request(TWO, target=Target("another", position=second)), bundle=bundle)
    assert found.values[0] == pytest.approx(float(logits[0]) - float(other.values[0]), abs=1e-6)
    assert explain(make_request(TWO, target="bakery"), bundle=bundle).targets[0].position == first
    both = explain(make_request(TWO), bundle=bundle)
    assert [target.position for target in both.targets] == [first, second]
    assert from_json(to_json(both)) == both


def test_the_baseline_keeps_the_masks_and_the_special_tokens_only(bundle):
    problem = encode(bundle, make_request(TWO))
    mask = problem.internals.table[torch.tensor(bundle.tokenizer.mask_token_id)]
    masks = {target.position for target in problem.targets}
    for place, feature in enumerate(problem.features):
        same = torch.equal(problem.baseline[0, place], problem.x[0, place])
        assert same == (feature.special or place in masks)
        assert torch.equal(problem.x[0, place], mask) == (place in masks)


def test_integrated_gradients_converge_for_a_chosen_word(bundle):
    found = explain(make_request(method="integrated_gradients", target="bakery"), bundle=bundle)
    assert found.converged == (True,)
    assert found.mismatch < 1e-5


def test_an_attack_reaches_the_wanted_word_or_reports_failure(bundle):
    top = predict(make_request(), bundle=bundle).targets[0]
    wanted = next(name for name in ("bakery", "another") if name != top.label)
    found = attack("hotflip", make_request(), target=wanted, params={"flips": 5}, bundle=bundle)
    after = predict(found.changed_request, bundle=bundle)
    assert after == found.after
    assert found.success == (after.targets[0].label == wanted)
    path = [step.probability for step in found.trajectory]
    assert path == sorted(path)
    assert bundle.tokenizer.mask_token in found.texts[1]
    assert found.attacked.label == top.label
    assert "<strong>" in describe_attack(found)


def test_an_attack_stays_at_the_requested_mask():
    bundle = Bundle.of(*tiny("bert", task="fill_mask"))
    for place in {target.position for target in predict(make_request(TWO), bundle=bundle).targets}:
        found = attack("input_reduction", make_request(TWO, target=Target(position=place)), bundle=bundle)
        best = max((t for t in found.before.targets if t.position == place), key=lambda target: target.probability)
        assert found.attacked.label == best.label
        assert found.trajectory[0].probability == pytest.approx(best.probability, abs=1e-5)
        for step in (*found.trajectory, *found.minimal):
            assert step.text.count("[MASK]") == 2
            assert step.label == best.label


def test_each_mask_is_shown_with_its_most_probable_word():
    bundle = Bundle.of(*tiny("bert", task="fill_mask"))
    found = explain(make_request(TWO), bundle=bundle)
    marked = [piece for piece in split_entities(found) if piece.label]
    assert [(piece.text, piece.label) for piece in marked] == [("[MASK]", target.label) for target in found.targets]
    one = explain(make_request(TWO, target=Target(position=found.targets[0].position)), bundle=bundle)
    assert [piece.label for piece in split_entities(one) if piece.label] == [target.label for target in found.targets]
    assert "[MASK]" in describe_explanation(found)


@pytest.mark.parametrize(
    ("request_", "error", "reason"),
    [
        (make_request("No gap here."), BadRequest, "Write ___ or"),
        (make_request("___ " * 6), LimitReached, "6 masks"),
        (make_request(target="wonderfulness of it"), BadRequest, "not a single word"),
        (make_request(target=Target("not", position=1)), BadRequest, "Token 1 is not a mask"),
        (make_request(target=Target("bakery", foil="bakery")), BadRequest, "compared with itself"),
        (make_request("cold " * 300 + "[MASK]"), LimitReached, "limit on tokens"),
        (make_request(target=Target(index=999_999)), BadRequest, "no token 999999"),
    ],
)
def test_requests_that_cannot_be_answered_are_refused_with_the_reason(request_, error, reason):
    bundle = Bundle.of(*tiny("bert", task="fill_mask"))
    with pytest.raises(error, match=reason):
        explain(request_, bundle=bundle)


def test_a_model_of_another_task_or_without_a_mask_is_refused():
    with pytest.raises(Incompatible, match="another task"):
        explain(make_request(), bundle=Bundle.of(*make_named("bert")))
    with pytest.raises(Incompatible, match="no mask token"):
        explain(replace(make_request(), model="gpt"), bundle=Bundle.of(*tiny("gpt2", task="text_generation")))
