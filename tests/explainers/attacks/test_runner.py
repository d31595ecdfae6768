"""Attacks on every task: what is attacked, what must stay, and that pasting the text gives the answer told of."""

from dataclasses import replace

import pytest

from explainers import Bundle, Request, Target, attack, explain, predict
from explainers.errors import BadRequest
from explainers.results.attack import with_text
from tests.support.nli import named
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


def answering(**more):
    return Request("question_answering", "tiny", {"question": "Who was cold in the end?", "context": CONTEXT}, **more)


def names(**more):
    return Request("token_classification", "tiny", {"text": CONTEXT}, **more)


def labels_of(prediction):
    return [target.label for target in prediction.targets]


@pytest.mark.parametrize("kind", ["bert", "xlm-roberta"])
@pytest.mark.parametrize("field", ["text_a", "text_b"])
@pytest.mark.parametrize("key", ["hotflip", "input_reduction"])
def test_either_text_of_a_pair_is_changed_and_the_other_stays(kind, field, key):
    bundle = Bundle.of(*named(kind))
    found = attack(key, pair(), field=field, bundle=bundle)
    assert {name for name, text in found.changed_request.texts.items() if text != pair().texts[name]} <= {field}
    assert predict(found.changed_request, bundle=bundle) == found.after
    same = labels_of(found.before)[0] == labels_of(found.after)[0]
    assert found.success == (same == (key == "input_reduction") and bool(found.edits))


@pytest.mark.parametrize("multi", [False, True])
@pytest.mark.parametrize("key", ["hotflip", "input_reduction"])
def test_of_zero_shot_the_text_alone_is_changed(multi, key):
    bundle = Bundle.of(*named("bert"))
    request = zero_shot(params={"multi_label": multi})
    if multi and (predict(request, bundle=bundle).targets[0].probability or 0) < 0.5:
        with pytest.raises(BadRequest, match="none of its labels"):
            attack(key, request, bundle=bundle)
        return
    found = attack(key, request, bundle=bundle)
    assert found.changed_request.texts["labels"] == request.texts["labels"]
    assert predict(found.changed_request, bundle=bundle) == found.after
    if not multi:
        assert (labels_of(found.after)[0] == found.attacked.label) == (key == "input_reduction" or not found.success)


def test_of_many_labels_the_one_asked_about_is_lost_or_another_found():
    bundle = Bundle.of(*named("bert", ("joy", "anger", "fear", "hope"), problem_type="multi_label_classification"))
    said = {target.label: target.probability for target in predict(many(), bundle=bundle).targets}
    has = [label for label, probability in said.items() if probability >= 0.5]
    lacks = [label for label, probability in said.items() if probability < 0.5]
    assert has
    assert lacks
    for label in has:
        found = attack("hotflip", many(target=label), params={"flips": 4}, bundle=bundle)
        after = {target.label: target.probability for target in found.after.targets}
        assert found.attacked.label == label
        assert found.success == (after[label] < 0.5)
        kept = attack("input_reduction", many(target=label), bundle=bundle)
        assert {t.label: t.probability for t in kept.after.targets}[label] >= 0.5
    found = attack("hotflip", many(), target=lacks[0], params={"flips": 4}, bundle=bundle)
    assert found.success == ({t.label: t.probability for t in found.after.targets}[lacks[0]] >= 0.5)
    with pytest.raises(BadRequest, match=f"does not say '{lacks[0]}'"):
        attack("hotflip", many(target=lacks[0]), bundle=bundle)


@pytest.mark.parametrize("kind", ["roberta"])
def test_of_a_question_the_words_are_changed_and_the_answer_is_another_or_the_same(kind):
    bundle = Bundle.of(*tiny(kind, task="question_answering"))
    flipped = attack("hotflip", answering(), params={"flips": 4}, bundle=bundle)
    assert flipped.changed_request.texts["context"] == CONTEXT
    assert flipped.success == (flipped.after.text != flipped.before.text)
    assert predict(flipped.changed_request, bundle=bundle) == flipped.after
    kept = attack("input_reduction", answering(), bundle=bundle)
    assert kept.after.text == kept.before.text == kept.attacked.label
    for step in kept.minimal:
        assert predict(with_text(answering(), "question", step.text), bundle=bundle).text == kept.attacked.label
    wanted = next(label for label in labels_of(kept.before) if label != kept.attacked.label)
    aimed = attack("hotflip", answering(), target=wanted, params={"flips": 4}, bundle=bundle)
    assert aimed.success == (aimed.after.text == wanted)
    path = [step.probability for step in aimed.trajectory]
    assert path == sorted(path)


@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_an_entity_keeps_its_words_and_its_class_while_the_words_around_it_go(kind):
    bundle = Bundle.of(*named(kind, TAGS, task="token_classification"))
    entities = predict(names(), bundle=bundle).targets
    assert len(entities) > 1
    for entity in entities[:2]:
        asked = names(target=Target(entity.label, position=entity.position))
        found = attack("input_reduction", asked, bundle=bundle)
        assert (found.attacked.label, found.attacked.text) == (entity.label, entity.text)
        start = explain(replace(asked, method="occlusion"), bundle=bundle).features[entity.position].start
        own = range(start, start + len(entity.text))
        assert not any(edit.start in own for edit in found.edits)
        for step in (*found.trajectory, *found.minimal):
            said = predict(with_text(asked, "text", step.text), bundle=bundle).targets
            assert any((target.label, target.text) == (entity.label, entity.text) for target in said)


def test_the_entity_at_a_place_is_followed_there_and_not_another_with_the_same_words():
    text = "Otto was cold and sure of the bill, but Otto was not."
    bundle = Bundle.of(*named("bert", TAGS, task="token_classification"))
    request = Request("token_classification", "tiny", {"text": text})
    entities = [target for target in predict(request, bundle=bundle).targets if target.text in "Otto was"]
    assert entities
    for entity in entities[:2]:
        asked = replace(request, target=Target(entity.label, position=entity.position))
        found = attack("hotflip", asked, params={"flips": 4}, bundle=bundle)
        first = found.trajectory[0]
        assert first.probability == pytest.approx(entity.probability, abs=1e-5)
        assert found.success == (found.trajectory[-1].label != entity.label)


def test_a_long_context_is_read_in_windows_and_its_question_reduced_all_the_same():
    bundle = Bundle.of(*tiny("bert", task="question_answering"))
    request = replace(answering(), inputs={"question": "Who? cold", "context": f"{CONTEXT} " * 4})
    found = attack("input_reduction", request, bundle=bundle)
    assert found.after.text == found.before.text
    assert predict(found.changed_request, bundle=bundle) == found.after
