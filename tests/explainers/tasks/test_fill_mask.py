"""Masked words: the pipeline's own words and probabilities, any word as target, and a baseline that keeps the gap."""

from dataclasses import replace

import pytest
import torch
from transformers import pipeline

from explainers import TASKS, Bundle, Request, Target, attack, explain, predict
from explainers.errors import BadRequest, Incompatible, LimitReached
from explainers.export.serialize import from_json, to_json
from explainers.progress import Run
from explainers.tasks._mask_tokens import find_token, name_token
from explainers.visualization.summaries.attack import describe_attack
from explainers.visualization.summaries.classification import describe_explanation
from explainers.visualization.text.entities import split_entities
from tests.support.nli import named
from tests.support.tiny import tiny

KINDS = ["bert", "roberta", "xlm-roberta", "distilbert", "bart"]
TEXT = "The cast is [MASK], and the story is not cold."
TWO = "The ___ is wonderful, and the [MASK] was cold."


def asked(text=TEXT, method="saliency", target=None, **params):
    return Request("fill_mask", "tiny", {"text": text}, method, target, params)


@pytest.fixture(params=KINDS)
def bundle(request):
    return Bundle.of(*tiny(request.param, task="fill_mask"))


def test_words_and_probabilities_are_the_pipelines_for_every_mask(bundle):
    mask = bundle.tokenizer.mask_token
    said = pipeline("fill-mask", model=bundle.model, tokenizer=bundle.tokenizer, top_k=10)
    for text in (TEXT, TWO, "[MASK]", "not ___, but ___ and ___"):
        written = text.replace("[MASK]", mask).replace("___", mask)
        deployed = said(written)
        deployed = deployed if written.count(mask) > 1 else [deployed]
        found = predict(asked(text), bundle=bundle).targets
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


def test_any_word_can_be_asked_about_at_any_mask_against_any_other(bundle):
    first, second = sorted({target.position for target in predict(asked(TWO), bundle=bundle).targets})
    logits = TASKS["fill_mask"].encode(bundle, asked(TWO, target=Target("bakery", position=second)), Run()).deployed
    found = explain(asked(TWO, target=Target("bakery", position=second, foil="another")), bundle=bundle)
    other = explain(asked(TWO, target=Target("another", position=second)), bundle=bundle)
    assert found.values[0] == pytest.approx(float(logits[0]) - float(other.values[0]), abs=1e-6)
    assert explain(asked(TWO, target="bakery"), bundle=bundle).targets[0].position == first
    both = explain(asked(TWO), bundle=bundle)
    assert [target.position for target in both.targets] == [first, second]
    assert from_json(to_json(both)) == both


def test_the_baseline_keeps_the_gap_and_nothing_else_of_the_text(bundle):
    problem = TASKS["fill_mask"].encode(bundle, asked(TWO), Run())
    mask = problem.internals.table[torch.tensor(bundle.tokenizer.mask_token_id)]
    masks = {target.position for target in problem.targets}
    for place, feature in enumerate(problem.features):
        same = torch.equal(problem.baseline[0, place], problem.x[0, place])
        assert same == (feature.special or place in masks)
        assert torch.equal(problem.x[0, place], mask) == (place in masks)


def test_integrated_gradients_add_up_to_the_rise_of_the_probability(bundle):
    found = explain(asked(method="integrated_gradients", target="bakery"), bundle=bundle)
    assert found.converged == (True,)
    assert found.mismatch < 1e-5


def test_a_gap_is_made_to_say_a_word_or_the_attack_says_that_it_failed(bundle):
    top = predict(asked(), bundle=bundle).targets[0]
    wanted = next(name for name in ("bakery", "another") if name != top.label)
    found = attack("hotflip", asked(), target=wanted, params={"flips": 5}, bundle=bundle)
    after = predict(found.changed_request, bundle=bundle)
    assert after == found.after
    assert found.success == (after.targets[0].label == wanted)
    path = [step.probability for step in found.trajectory]
    assert path == sorted(path)
    assert bundle.tokenizer.mask_token in found.texts[1]
    assert found.attacked.label == top.label
    assert "<strong>" in describe_attack(found)


def test_the_mask_that_is_attacked_stays_the_one_that_was_asked_about():
    bundle = Bundle.of(*tiny("bert", task="fill_mask"))
    for place in {target.position for target in predict(asked(TWO), bundle=bundle).targets}:
        found = attack("input_reduction", asked(TWO, target=Target(position=place)), bundle=bundle)
        best = max((t for t in found.before.targets if t.position == place), key=lambda target: target.probability)
        assert found.attacked.label == best.label
        assert found.trajectory[0].probability == pytest.approx(best.probability, abs=1e-5)
        for step in (*found.trajectory, *found.minimal):
            assert step.text.count("[MASK]") == 2
            assert step.label == best.label


def test_the_masks_are_shown_each_with_its_likeliest_word():
    bundle = Bundle.of(*tiny("bert", task="fill_mask"))
    found = explain(asked(TWO), bundle=bundle)
    marked = [piece for piece in split_entities(found) if piece.label]
    assert [(piece.text, piece.label) for piece in marked] == [("[MASK]", target.label) for target in found.targets]
    one = explain(asked(TWO, target=Target(position=found.targets[0].position)), bundle=bundle)
    assert [piece.label for piece in split_entities(one) if piece.label] == [target.label for target in found.targets]
    assert "[MASK]" in describe_explanation(found)


@pytest.mark.parametrize(
    ("request_", "error", "told"),
    [
        (asked("No gap here."), BadRequest, "Write ___ or"),
        (asked("___ " * 6), LimitReached, "6 masks"),
        (asked(target="wonderfulness of it"), BadRequest, "no single word"),
        (asked(target=Target("not", position=1)), BadRequest, "Token 1 is no mask"),
        (asked(target=Target("bakery", foil="bakery")), BadRequest, "compared with itself"),
        (asked("cold " * 300 + "[MASK]"), LimitReached, "does not read as far"),
        (asked(target=Target(index=999_999)), BadRequest, "no word 999999"),
    ],
)
def test_what_cannot_be_filled_says_why(request_, error, told):
    bundle = Bundle.of(*tiny("bert", task="fill_mask"))
    with pytest.raises(error, match=told):
        explain(request_, bundle=bundle)


def test_a_model_of_another_task_or_without_a_mask_is_refused():
    with pytest.raises(Incompatible, match="another task"):
        explain(asked(), bundle=Bundle.of(*named("bert")))
    with pytest.raises(Incompatible, match="no token for a mask"):
        explain(replace(asked(), model="gpt"), bundle=Bundle.of(*tiny("gpt2", task="text_generation")))
