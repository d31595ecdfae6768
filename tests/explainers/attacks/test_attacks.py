"""Attacks on tiny models: best swaps by gradient, reported answers, and failures with a reason."""

import itertools
from dataclasses import replace

import pytest
import torch

from explainers import ATTACKS, Bundle, Request, attack, predict
from explainers.attacks.hotflip import hotflip
from explainers.attacks.input_reduction import input_reduction
from explainers.attacks.random_swap import random_swap
from explainers.attacks.target_model import AttackState
from explainers.errors import BadRequest, Incompatible
from explainers.progress import Run
from explainers.results.attack import with_text
from explainers.tasks import TASKS
from explainers.tasks.answer_check import judge_all
from explainers.tasks.tokenization import encode
from tests.support.nli import make_named
from tests.support.sentences import SENTENCES
from tests.support.target_models import WORDS, judge_score, make_linear_model

KINDS = ["bert", "roberta", "xlm-roberta"]
TEXT = "The cast is wonderful, and the story is not cold."
SIX = " ".join(WORDS[3:9])


def make_request(text=TEXT, **more):
    return Request("text_classification", "tiny", {"text": text}, **more)


def bundle_of(kind="bert", names=("no", "maybe", "yes")):
    return Bundle.of(*make_named(kind, names))


@pytest.mark.parametrize("towards", [True, False])
@pytest.mark.parametrize("seed", range(5))
def test_the_first_flip_of_a_linear_score_is_the_best_by_brute_force(towards, seed):
    target_model, values = make_linear_model(SIX, towards, seed=seed)
    outcome = hotflip(target_model, flips=1, tries=1)
    every = itertools.product(target_model.start.attacked_text.words, WORDS)
    gain = max(target_model.sign * (values[new] - values[piece.text]) for piece, new in every)
    (edit,) = outcome.path[1].attacked_text.edits
    assert target_model.sign * (values[edit.new] - values[edit.old]) == pytest.approx(gain)
    assert edit.score == pytest.approx(values[edit.new] - values[edit.old], abs=1e-5)


@pytest.mark.parametrize("seed", range(8))
def test_input_reduction_of_a_linear_score_keeps_the_answer_and_no_single_word_more_can_be_removed(seed):
    target_model, _ = make_linear_model(SIX, towards=True, seed=seed)
    outcome = input_reduction(target_model, beam=2)
    assert all(state.judgement.met for state in (*outcome.path, *outcome.minimal))
    for state in outcome.minimal or outcome.path[-1:]:
        pieces = range(len(state.attacked_text.words))
        shorter = [state.attacked_text.drop_words([i]) for i in pieces] if len(pieces) > 1 else []
        assert not any(state.judgement.met for state in target_model.evaluate(shorter))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("key", list(ATTACKS))
def test_predicting_the_changed_text_gives_the_reported_answer(kind, key):
    bundle = bundle_of(kind)
    result = attack(key, make_request(), bundle=bundle)
    assert result.texts[0] == TEXT
    assert predict(result.request, bundle=bundle) == result.before
    assert predict(result.changed_request, bundle=bundle) == result.after
    label = result.before.targets[0].label
    assert result.attacked.label == label
    for step in (*result.trajectory, *result.minimal):
        said = predict(with_text(result.request, "text", step.text), bundle=bundle).targets
        assert step.label == said[0].label
        assert step.probability == pytest.approx(next(t.probability for t in said if t.label == label), abs=1e-5)
    keeps = ATTACKS[key].keeps
    assert result.success == ((result.after.targets[0].label == label) == keeps and len(result.trajectory) > 1)


@pytest.mark.parametrize("kind", KINDS)
def test_input_reduction_keeps_the_label_and_removing_one_more_word_changes_it(kind):
    bundle = bundle_of(kind)
    result = attack("input_reduction", make_request(), bundle=bundle)
    label = result.before.targets[0].label
    assert result.minimal[0].text == result.texts[1]
    for shortest in result.minimal:
        words = shortest.text.split()
        assert predict(make_request(shortest.text), bundle=bundle).targets[0].label == label
        if len(words) > 1 and not any(sign in shortest.text for sign in ",."):
            for i in range(len(words)):
                less = " ".join(words[:i] + words[i + 1 :])
                assert predict(make_request(less), bundle=bundle).targets[0].label != label


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("label", ["no", "maybe", "yes"])
def test_an_attack_with_a_target_succeeds_if_and_only_if_the_model_predicts_it(kind, label):
    bundle = bundle_of(kind)
    if predict(make_request(), bundle=bundle).targets[0].label == label:
        with pytest.raises(BadRequest, match="already"):
            attack("hotflip", make_request(), target=label, bundle=bundle)
        return
    result = attack("hotflip", make_request(), target=label, params={"flips": 5}, bundle=bundle)
    assert result.success == (result.after.targets[0].label == label)
    path = [step.probability for step in result.trajectory]
    assert path == sorted(path)
    assert len(path) > 1


@pytest.mark.parametrize("kind", KINDS)
def test_only_whole_words_change_and_each_becomes_a_single_token(kind):
    bundle = bundle_of(kind)
    result = attack("hotflip", make_request(), params={"flips": 4}, bundle=bundle)
    text = TEXT
    for edit in sorted(result.edits, key=lambda edit: -edit.start):
        assert TEXT[edit.start : edit.end] == edit.old
        assert edit.old.isalpha()
        assert len(bundle.tokenizer(f"a {edit.new}", add_special_tokens=False)["input_ids"]) == 2
        text = text[: edit.start] + edit.new + text[edit.end :]
    assert text == result.texts[1]
    assert len({edit.position for edit in result.edits}) == len(result.edits) > 0


@pytest.mark.parametrize("key", list(ATTACKS))
def test_protected_words_never_change(key):
    bundle = bundle_of()
    free = attack(key, make_request(), bundle=bundle)
    names = {edit.old for edit in free.edits if edit.old.isalpha()}
    result = attack(key, make_request(), protected=", ".join(names).upper(), bundle=bundle)
    assert not {edit.old.casefold() for edit in result.edits} & {name.casefold() for name in names}


@pytest.mark.parametrize("key", list(ATTACKS))
def test_an_attack_without_words_to_change_fails_with_the_reason(key):
    result = attack(key, make_request("wonderful"), protected="wonderful", bundle=bundle_of())
    assert not result.success
    assert result.edits == ()
    assert result.reason in ("No word is left that may be changed.", "The text is a single word.")
    assert result.before == result.after


def test_an_attack_that_runs_out_of_flips_reports_its_best_text():
    target_model, _ = make_linear_model(" ".join(WORDS[:4] * 2))
    outcome = hotflip(target_model, flips=1)
    assert (outcome.success, outcome.reason) == (False, "No more than 1 word may be changed.")
    assert outcome.path[-1].judgement.probability < target_model.start.judgement.probability


def test_an_attack_goes_on_where_a_probability_of_exactly_1_shows_no_change():
    target_model, values = make_linear_model(" ".join(WORDS[:4] * 9))
    assert target_model.start.judgement.probability == 1
    outcome = hotflip(target_model, flips=2)
    first, second = (edit for edit in outcome.path[-1].attacked_text.edits)
    assert values[first.new] - values[first.old] <= values[second.new] - values[second.old] < 0


def test_an_attack_stops_where_every_change_makes_the_model_more_certain():
    target_model, _ = make_linear_model(SIX)
    surer = replace(target_model, evaluate=lambda texts: [AttackState(text, judge_score(9.0)) for text in texts])
    outcome = hotflip(surer, tries=5)
    assert (outcome.success, outcome.path) == (False, (target_model.start,))
    assert "None of the last 5 changes" in outcome.reason


def test_limits_on_similarity_and_case_hold_for_every_swap():
    bundle = bundle_of("xlm-roberta")
    table, known = bundle.embeddings.word.weight, bundle.vocabulary
    result = attack("hotflip", make_request(), params={"similarity": 0.1, "same_case": True, "flips": 6}, bundle=bundle)
    assert result.edits
    for edit in result.edits:
        (row,) = (i for i, word in enumerate(known.words) if word == edit.new)
        pieces = encode(bundle, {"text": edit.old})
        old = table[pieces.inputs["input_ids"][0, ~pieces.special]].mean(0)
        assert torch.cosine_similarity(old, table[known.ids[row]], dim=0) >= 0.1
        assert edit.old[0].isupper() == edit.new[0].isupper()


def test_for_an_uncased_model_the_new_word_takes_the_old_ones_capitals():
    result = attack("hotflip", make_request("Wonderful CAST"), params={"flips": 2}, bundle=bundle_of())
    for edit in result.edits:
        assert edit.new[0].isupper()
        assert edit.new.isupper() == edit.old.isupper()


def test_random_swaps_depend_on_the_seed_and_not_on_the_global_generator():
    bundle = bundle_of()
    before = torch.random.get_rng_state()
    results = [attack("random_swap", make_request(seed=seed), bundle=bundle) for seed in (3, 3, 4)]
    assert results[0].trajectory == results[1].trajectory
    assert results[0].trajectory[1] != results[2].trajectory[1]
    assert torch.equal(before, torch.random.get_rng_state())


def test_random_swaps_evaluate_as_many_texts_as_hotflip():
    target_model, _ = make_linear_model(SIX)
    counts = []

    def count(texts):
        counts.append(len(texts))
        return target_model.evaluate(texts)

    for run in (hotflip, random_swap):
        run(replace(target_model, evaluate=count), flips=1, tries=7)
    assert counts == [7, 7]


@pytest.mark.parametrize("kind", [*KINDS, "distilbert", "albert", "bart"])
def test_texts_evaluated_together_get_the_same_answers_as_alone(kind):
    bundle, task = bundle_of(kind), TASKS["text_classification"]
    requests = [make_request(text) for text in (TEXT, *SENTENCES[:6], TEXT.replace("cold", "wonderful"))]
    together = judge_all(bundle, [task.make_answer_check(bundle, request, Run(), None) for request in requests], Run())
    for request, found in zip(requests, together, strict=True):
        alone = predict(request, bundle=bundle).targets[0]
        assert found.target.label == found.says == alone.label
        assert found.probability == pytest.approx(alone.probability, abs=1e-5)


def test_an_attack_counts_its_passes_can_be_cancelled_and_leaves_no_hook(monkeypatch):
    bundle = bundle_of()
    told = []
    result = attack("input_reduction", make_request(), bundle=bundle, progress=lambda what, share: told.append(share))
    assert result.evaluations[0] > result.evaluations[1] > 0
    assert told
    assert all(not module._forward_hooks and not module._forward_pre_hooks for module in bundle.model.modules())

    def stop(what, share):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        attack("hotflip", make_request(), bundle=bundle, progress=stop)
    assert all(not module._forward_hooks and not module._forward_pre_hooks for module in bundle.model.modules())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"target": "perhaps"}, "no label 'perhaps'"),
        ({"field": "context"}, "no text 'context'"),
        ({"params": {"beam": 3}}, "no setting 'beam'"),
        ({"params": {"flips": 0}}, "Flips cannot be '0'"),
    ],
)
def test_invalid_attacks_are_refused_before_anything_runs(changes, said):
    with pytest.raises(BadRequest, match=said):
        attack("hotflip", make_request(), bundle=bundle_of(), **changes)
    with pytest.raises(BadRequest, match="no attack 'flip'"):
        attack("flip", make_request(), bundle=bundle_of())
    with pytest.raises(BadRequest, match="no target"):
        attack("input_reduction", make_request(), target="no", bundle=bundle_of())


def test_regression_models_cannot_be_attacked():
    model, tokenizer = make_named("bert", ("stars",), problem_type="regression")
    with pytest.raises(Incompatible, match="outputs a number"):
        attack("hotflip", make_request(), bundle=Bundle.of(model, tokenizer))
