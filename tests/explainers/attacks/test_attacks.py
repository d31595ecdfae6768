"""Attacks: the choice that the gradient makes, the truth of every step, and honest failure."""

import itertools
from dataclasses import replace

import pytest
import torch

from explainers import ATTACKS, Bundle, Request, attack, predict
from explainers.attacks import hotflip, input_reduction, random_swap
from explainers.attacks.target_model import AttackState
from explainers.errors import BadRequest, Incompatible
from explainers.progress import Run
from explainers.results.attack import with_text
from explainers.tasks import TASKS
from explainers.tasks._answer_check import judge_all
from explainers.tasks._tokenization import encode
from tests.support.nli import named
from tests.support.sentences import SENTENCES
from tests.support.target_models import WORDS, linear, verdict

KINDS = ["bert", "roberta", "xlm-roberta"]
TEXT = "The cast is wonderful, and the story is not cold."
SIX = " ".join(WORDS[3:9])


def asked(text=TEXT, **more):
    return Request("text_classification", "tiny", {"text": text}, **more)


def bundle_of(kind="bert", names=("no", "maybe", "yes")):
    return Bundle.of(*named(kind, names))


@pytest.mark.parametrize("towards", [True, False])
@pytest.mark.parametrize("seed", range(5))
def test_on_a_linear_score_the_first_flip_is_the_best_that_brute_force_finds(towards, seed):
    opponent, worth = linear(SIX, towards, seed=seed)
    played = hotflip(opponent, flips=1, tries=1)
    every = itertools.product(opponent.start.wording.words, WORDS)
    gain = max(opponent.sign * (worth[new] - worth[piece.text]) for piece, new in every)
    (edit,) = played.path[1].wording.edits
    assert opponent.sign * (worth[edit.new] - worth[edit.old]) == pytest.approx(gain)
    assert edit.score == pytest.approx(worth[edit.new] - worth[edit.old], abs=1e-5)


@pytest.mark.parametrize("seed", range(8))
def test_on_a_linear_score_no_single_word_more_can_be_dropped_and_none_that_was_changed_the_answer(seed):
    opponent, _ = linear(SIX, towards=True, seed=seed)
    played = input_reduction(opponent, beam=2)
    assert all(state.verdict.met for state in (*played.path, *played.minimal))
    for state in played.minimal or played.path[-1:]:
        pieces = range(len(state.wording.words))
        shorter = [state.wording.drop_words([i]) for i in pieces] if len(pieces) > 1 else []
        assert not any(state.verdict.met for state in opponent.tried(shorter))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("key", list(ATTACKS))
def test_pasting_the_changed_text_gives_the_very_answer_that_the_attack_tells_of(kind, key):
    bundle = bundle_of(kind)
    found = attack(key, asked(), bundle=bundle)
    assert found.texts[0] == TEXT
    assert predict(found.request, bundle=bundle) == found.before
    assert predict(found.changed_request, bundle=bundle) == found.after
    label = found.before.targets[0].label
    assert found.attacked.label == label
    for step in (*found.trajectory, *found.minimal):
        said = predict(with_text(found.request, "text", step.text), bundle=bundle).targets
        assert step.label == said[0].label
        assert step.probability == pytest.approx(next(t.probability for t in said if t.label == label), abs=1e-5)
    keeps = ATTACKS[key].keeps
    assert found.success == ((found.after.targets[0].label == label) == keeps and len(found.trajectory) > 1)


@pytest.mark.parametrize("kind", KINDS)
def test_input_reduction_keeps_the_label_and_one_more_word_less_would_change_it(kind):
    bundle = bundle_of(kind)
    found = attack("input_reduction", asked(), bundle=bundle)
    label = found.before.targets[0].label
    assert found.minimal[0].text == found.texts[1]
    for shortest in found.minimal:
        words = shortest.text.split()
        assert predict(asked(shortest.text), bundle=bundle).targets[0].label == label
        if len(words) > 1 and not any(sign in shortest.text for sign in ",."):
            for i in range(len(words)):
                less = " ".join(words[:i] + words[i + 1 :])
                assert predict(asked(less), bundle=bundle).targets[0].label != label


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("label", ["no", "maybe", "yes"])
def test_a_target_is_what_the_model_says_in_the_end_or_the_attack_says_that_it_failed(kind, label):
    bundle = bundle_of(kind)
    if predict(asked(), bundle=bundle).targets[0].label == label:
        with pytest.raises(BadRequest, match="already"):
            attack("hotflip", asked(), target=label, bundle=bundle)
        return
    found = attack("hotflip", asked(), target=label, params={"flips": 5}, bundle=bundle)
    assert found.success == (found.after.targets[0].label == label)
    path = [step.probability for step in found.trajectory]
    assert path == sorted(path)
    assert len(path) > 1


@pytest.mark.parametrize("kind", KINDS)
def test_whole_words_are_swapped_for_single_tokens_and_all_else_stays_as_it_was(kind):
    bundle = bundle_of(kind)
    found = attack("hotflip", asked(), params={"flips": 4}, bundle=bundle)
    text = TEXT
    for edit in sorted(found.edits, key=lambda edit: -edit.start):
        assert TEXT[edit.start : edit.end] == edit.old
        assert edit.old.isalpha()
        assert len(bundle.tokenizer(f"a {edit.new}", add_special_tokens=False)["input_ids"]) == 2
        text = text[: edit.start] + edit.new + text[edit.end :]
    assert text == found.texts[1]
    assert len({edit.position for edit in found.edits}) == len(found.edits) > 0


@pytest.mark.parametrize("key", list(ATTACKS))
def test_protected_words_are_never_touched(key):
    bundle = bundle_of()
    free = attack(key, asked(), bundle=bundle)
    names = {edit.old for edit in free.edits if edit.old.isalpha()}
    found = attack(key, asked(), protected=", ".join(names).upper(), bundle=bundle)
    assert not {edit.old.casefold() for edit in found.edits} & {name.casefold() for name in names}


@pytest.mark.parametrize("key", list(ATTACKS))
def test_an_attack_that_may_change_nothing_says_that_it_failed_and_why(key):
    found = attack(key, asked("wonderful"), protected="wonderful", bundle=bundle_of())
    assert not found.success
    assert found.edits == ()
    assert found.reason in ("No word is left that may be changed.", "The text is a single word.")
    assert found.before == found.after


def test_an_attack_that_runs_out_of_flips_says_so_and_how_near_it_came():
    opponent, _ = linear(" ".join(WORDS[:4] * 2))
    played = hotflip(opponent, flips=1)
    assert (played.success, played.reason) == (False, "No more than 1 word may be changed.")
    assert played.path[-1].verdict.probability < opponent.start.verdict.probability


def test_an_attack_goes_on_where_a_probability_of_exactly_1_shows_no_change():
    opponent, worth = linear(" ".join(WORDS[:4] * 9))
    assert opponent.start.verdict.probability == 1
    played = hotflip(opponent, flips=2)
    first, second = (edit for edit in played.path[-1].wording.edits)
    assert worth[first.new] - worth[first.old] <= worth[second.new] - worth[second.old] < 0


def test_an_attack_stops_where_every_change_makes_the_model_surer():
    opponent, _ = linear(SIX)
    surer = replace(opponent, tried=lambda wordings: [AttackState(wording, verdict(9.0)) for wording in wordings])
    played = hotflip(surer, tries=5)
    assert (played.success, played.path) == (False, (opponent.start,))
    assert played.reason == "None of the 5 changes tried last moves the model the right way."


def test_limits_on_likeness_and_case_hold_for_every_swap():
    bundle = bundle_of("xlm-roberta")
    table, known = bundle.embeddings.word.weight, bundle.vocabulary
    found = attack("hotflip", asked(), params={"similarity": 0.1, "same_case": True, "flips": 6}, bundle=bundle)
    assert found.edits
    for edit in found.edits:
        (row,) = (i for i, word in enumerate(known.words) if word == edit.new)
        pieces = encode(bundle, {"text": edit.old})
        old = table[pieces.inputs["input_ids"][0, ~pieces.special]].mean(0)
        assert torch.cosine_similarity(old, table[known.ids[row]], dim=0) >= 0.1
        assert edit.old[0].isupper() == edit.new[0].isupper()


def test_a_model_that_sees_no_capitals_gets_the_new_word_in_those_of_the_old_one():
    found = attack("hotflip", asked("Wonderful CAST"), params={"flips": 2}, bundle=bundle_of())
    for edit in found.edits:
        assert edit.new[0].isupper()
        assert edit.new.isupper() == edit.old.isupper()


def test_random_swaps_are_the_same_for_the_same_seed_and_leave_the_global_generator_alone():
    bundle = bundle_of()
    before = torch.random.get_rng_state()
    found = [attack("random_swap", asked(seed=seed), bundle=bundle) for seed in (3, 3, 4)]
    assert found[0].trajectory == found[1].trajectory
    assert found[0].trajectory[1] != found[2].trajectory[1]
    assert torch.equal(before, torch.random.get_rng_state())


def test_random_swaps_have_the_budget_of_hotflip():
    opponent, _ = linear(SIX)
    counts = []

    def counted(wordings):
        counts.append(len(wordings))
        return opponent.tried(wordings)

    for run in (hotflip, random_swap):
        run(replace(opponent, tried=counted), flips=1, tries=7)
    assert counts == [7, 7]


@pytest.mark.parametrize("kind", [*KINDS, "distilbert", "albert", "bart"])
def test_texts_answered_together_are_answered_as_if_each_were_alone(kind):
    bundle, task = bundle_of(kind), TASKS["text_classification"]
    requests = [asked(text) for text in (TEXT, *SENTENCES[:6], TEXT.replace("cold", "wonderful"))]
    together = judge_all(bundle, [task.hearing(bundle, request, Run()) for request in requests], Run())
    for request, found in zip(requests, together, strict=True):
        alone = predict(request, bundle=bundle).targets[0]
        assert found.target.label == found.says == alone.label
        assert found.probability == pytest.approx(alone.probability, abs=1e-5)


def test_an_attack_counts_its_passes_stops_at_their_limit_and_leaves_no_hook(monkeypatch):
    bundle = bundle_of()
    told = []
    found = attack("input_reduction", asked(), bundle=bundle, progress=lambda what, share: told.append(share))
    assert found.evaluations[0] > found.evaluations[1] > 0
    assert told
    assert all(not module._forward_hooks and not module._forward_pre_hooks for module in bundle.model.modules())

    def stop(what, share):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        attack("hotflip", asked(), bundle=bundle, progress=stop)
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
def test_what_an_attack_cannot_do_is_said_before_anything_runs(changes, said):
    with pytest.raises(BadRequest, match=said):
        attack("hotflip", asked(), bundle=bundle_of(), **changes)
    with pytest.raises(BadRequest, match="no attack 'flip'"):
        attack("flip", asked(), bundle=bundle_of())
    with pytest.raises(BadRequest, match="no target"):
        attack("input_reduction", asked(), target="no", bundle=bundle_of())


def test_a_model_that_gives_a_number_has_no_answer_to_attack():
    model, tokenizer = named("bert", ("stars",), problem_type="regression")
    with pytest.raises(Incompatible, match="gives a number"):
        attack("hotflip", asked(), bundle=Bundle.of(model, tokenizer))
