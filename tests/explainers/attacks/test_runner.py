"""Attacks on every task: what is attacked, what must not change, and that predictions equal the reported answers."""

from dataclasses import replace

import pytest

from explainers import Bundle, Request, Target, attack, explain, predict
from explainers.errors import BadRequest
from explainers.results.attack import with_text
from tests.support.nli import make_named
from tests.support.tiny import tiny

TEXT = "The cast is wonderful, and Clara is not cold."
CONTEXT = "Clara was cold in Paris, and Otto was sure of the bill in Oslo."
TAGS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")


def pair(**more):
    return Request("pair_classification", "tiny", {"text_a": TEXT, "text_b": CONTEXT}, **more)


def zero_shot(**more):
    return Request("zero_shot_classification", "tiny", {"text": TEXT, "labels": "music, home, a great idea"}, **more)


def many(**more):
    return Request("multi_label_classification", "tiny", {"text": TEXT}, **more)


def make_question(**more):
    return Request("question_answering", "tiny", {"question": "Who was cold in the end?", "context": CONTEXT}, **more)


def names(**more):
    return Request("token_classification", "tiny", {"text": CONTEXT}, **more)


def list_labels(prediction):
    return [target.label for target in prediction.targets]


@pytest.mark.parametrize("kind", ["bert", "xlm-roberta"])
@pytest.mark.parametrize("field", ["text_a", "text_b"])
@pytest.mark.parametrize("key", ["hotflip", "input_reduction"])
def test_either_text_of_a_pair_is_changed_and_the_other_stays(kind, field, key):
    bundle = Bundle.of(*make_named(kind))
    result = attack(key, pair(), field=field, bundle=bundle)
    assert {name for name, text in result.changed_request.texts.items() if text != pair().texts[name]} <= {field}
    assert predict(result.changed_request, bundle=bundle) == result.after
    same = list_labels(result.before)[0] == list_labels(result.after)[0]
    assert result.success == (same == (key == "input_reduction") and bool(result.edits))


@pytest.mark.parametrize("multi", [False, True])
@pytest.mark.parametrize("key", ["hotflip", "input_reduction"])
def test_zero_shot_attacks_change_the_text_only(multi, key):
    bundle = Bundle.of(*make_named("bert"))
    request = zero_shot(params={"multi_label": multi})
    if multi and (predict(request, bundle=bundle).targets[0].probability or 0) < 0.5:
        with pytest.raises(BadRequest, match="none of its labels"):
            attack(key, request, bundle=bundle)
        return
    result = attack(key, request, bundle=bundle)
    assert result.changed_request.texts["labels"] == request.texts["labels"]
    assert predict(result.changed_request, bundle=bundle) == result.after
    if not multi:
        assert (list_labels(result.after)[0] == result.attacked.label) == (
            key == "input_reduction" or not result.success
        )


def test_multi_label_attacks_remove_the_target_label_or_add_the_wanted_one():
    bundle = Bundle.of(*make_named("bert", ("joy", "anger", "fear", "hope"), problem_type="multi_label_classification"))
    said = {target.label: target.probability for target in predict(many(), bundle=bundle).targets}
    has = [label for label, probability in said.items() if probability >= 0.5]
    lacks = [label for label, probability in said.items() if probability < 0.5]
    assert has
    assert lacks
    for label in has:
        result = attack("hotflip", many(target=label), params={"flips": 4}, bundle=bundle)
        after = {target.label: target.probability for target in result.after.targets}
        assert result.attacked.label == label
        assert result.success == (after[label] < 0.5)
        kept = attack("input_reduction", many(target=label), bundle=bundle)
        assert {t.label: t.probability for t in kept.after.targets}[label] >= 0.5
    result = attack("hotflip", many(), target=lacks[0], params={"flips": 4}, bundle=bundle)
    assert result.success == ({t.label: t.probability for t in result.after.targets}[lacks[0]] >= 0.5)
    with pytest.raises(BadRequest, match=f"does not predict '{lacks[0]}'"):
        attack("hotflip", many(target=lacks[0]), bundle=bundle)


@pytest.mark.parametrize("kind", ["roberta"])
def test_question_answering_attacks_change_the_question_only(kind):
    bundle = Bundle.of(*tiny(kind, task="question_answering"))
    flipped = attack("hotflip", make_question(), params={"flips": 4}, bundle=bundle)
    assert flipped.changed_request.texts["context"] == CONTEXT
    assert flipped.success == (flipped.after.text != flipped.before.text)
    assert predict(flipped.changed_request, bundle=bundle) == flipped.after
    kept = attack("input_reduction", make_question(), bundle=bundle)
    assert kept.after.text == kept.before.text == kept.attacked.label
    for step in kept.minimal:
        assert predict(with_text(make_question(), "question", step.text), bundle=bundle).text == kept.attacked.label
    wanted = next(label for label in list_labels(kept.before) if label != kept.attacked.label)
    aimed = attack("hotflip", make_question(), target=wanted, params={"flips": 4}, bundle=bundle)
    assert aimed.success == (aimed.after.text == wanted)
    path = [step.probability for step in aimed.trajectory]
    assert path == sorted(path)


@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_an_entity_keeps_its_words_and_class_while_other_words_are_removed(kind):
    bundle = Bundle.of(*make_named(kind, TAGS, task="token_classification"))
    entities = predict(names(), bundle=bundle).targets
    assert len(entities) > 1
    for entity in entities[:2]:
        asked = names(target=Target(entity.label, position=entity.position))
        result = attack("input_reduction", asked, bundle=bundle)
        assert (result.attacked.label, result.attacked.text) == (entity.label, entity.text)
        start = explain(replace(asked, method="occlusion"), bundle=bundle).features[entity.position].start
        own = range(start, start + len(entity.text))
        assert not any(edit.start in own for edit in result.edits)
        for step in (*result.trajectory, *result.minimal):
            said = predict(with_text(asked, "text", step.text), bundle=bundle).targets
            assert any((target.label, target.text) == (entity.label, entity.text) for target in said)


def test_the_attacked_entity_is_the_one_at_the_position_and_not_one_with_the_same_words():
    text = "Otto was cold and sure of the bill, but Otto was not."
    bundle = Bundle.of(*make_named("bert", TAGS, task="token_classification"))
    request = Request("token_classification", "tiny", {"text": text})
    entities = [target for target in predict(request, bundle=bundle).targets if target.text in "Otto was"]
    assert entities
    for entity in entities[:2]:
        asked = replace(request, target=Target(entity.label, position=entity.position))
        result = attack("hotflip", asked, params={"flips": 4}, bundle=bundle)
        first = result.trajectory[0]
        assert first.probability == pytest.approx(entity.probability, abs=1e-5)
        assert result.success == (result.trajectory[-1].label != entity.label)


def test_questions_about_long_contexts_are_reduced_too():
    bundle = Bundle.of(*tiny("bert", task="question_answering"))
    request = replace(make_question(), inputs={"question": "Who? cold", "context": f"{CONTEXT} " * 4})
    result = attack("input_reduction", request, bundle=bundle)
    assert result.after.text == result.before.text
    assert predict(result.changed_request, bundle=bundle) == result.after
