"""Evaluating through the engine: real tasks on tiny models, several targets, images, files and limits."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from explainers import Bundle, Explanation, Request, evaluate, explain
from explainers.errors import BadRequest, LimitReached, Mismatch
from explainers.export.serialize import from_json, to_json
from explainers.settings import settings
from tests.support.generation_models import bundle_of, request_of
from tests.support.image_models import asked
from tests.support.image_models import bundle as seeing_bundle
from tests.support.nli import named
from tests.support.tiny import tiny

TEXT = "A wonderful cast and a clever story, told far too slowly."
TASKS = {
    "text_classification": {"text": TEXT},
    "token_classification": {"text": "Doctor Lee moved to Lima."},
    "question_answering": {"question": "Who moved?", "context": "Doctor Lee moved to Lima."},
}


def held(kind: str = "bert", task: str | None = None, **changes: object) -> Bundle:
    return Bundle.of(*tiny(kind, task=task, **changes))


def explained(task: str, bundle: Bundle, method: str = "occlusion") -> Explanation:
    return explain(Request(task, "tiny", TASKS[task], method=method), bundle=bundle)


def test_the_fall_without_the_strongest_word_is_the_score_that_occlusion_gave_it():
    bundle = held()
    explanation = explained("text_classification", bundle)
    words = [score for _, score in explanation.by_word().pairs()]
    found = evaluate(explanation, bundle=bundle)
    assert found.pieces == len(words) - 2  # but [CLS] and [SEP]
    assert found.tau_loo == pytest.approx(1)
    share = explain(
        Request("text_classification", "tiny", {"text": "Good bad cast"}, method="occlusion"), bundle=bundle
    )
    first = evaluate(share, bundle=bundle).comprehensiveness[0]
    assert first == pytest.approx(max(score for _, score in share.by_word().pairs()), abs=1e-6)


@pytest.mark.parametrize("task", ["token_classification", "question_answering"])
def test_tasks_with_heads_of_their_own_are_checked_too(task):
    bundle = held(task=task)
    explanation = explained(task, bundle)
    for row in range(len(explanation.targets)):
        found = evaluate(explanation, row=row, bundle=bundle)
        assert found.target == explanation.targets[row]
        assert found.tau_loo == pytest.approx(1)
        assert found.evaluations[1] == 0


def test_each_label_is_checked_by_what_it_can_see():
    bundle = Bundle.of(*named("bert", ("entailment", "neutral", "contradiction")))
    shown = {"multi_label": True, "hypothesis": "shown"}  # whose words only their own label sees
    inputs = {"text": TEXT, "labels": "cooking, travel"}
    request = Request("zero_shot_classification", "tiny", inputs, method="occlusion", params=shown)
    explanation = explain(request, bundle=bundle)
    for row, target in enumerate(explanation.targets):
        visible = {
            (feature.field, feature.word)
            for feature, score in zip(explanation.features, explanation.scores[row], strict=True)
            if not feature.special and not np.isnan(score)
        }
        found = evaluate(explanation, row=row, bundle=bundle)
        assert (found.target, found.pieces) == (target, len(visible))
        assert np.isfinite(found.comprehensiveness).all()
        assert found.tau_loo == pytest.approx(1)


def test_a_picture_is_checked_by_its_squares():
    bundle = seeing_bundle("resnet")
    found = evaluate(explain(asked("occlusion", params={"patch": 4}), bundle=bundle), bundle=bundle)
    assert (found.piece, found.pieces, found.verdict) == ("square", 64, "beats chance")
    assert found.tau_loo == pytest.approx(1)
    sizes = evaluate(explain(asked("grad_cam"), bundle=bundle), bundle=bundle)
    assert sizes.pieces == 64


def test_equal_questions_have_equal_answers_and_leave_the_global_generator_alone():
    bundle = held()
    explanation = explained("text_classification", bundle)
    state = torch.get_rng_state()
    one, other = (evaluate(explanation, bundle=bundle) for _ in range(2))
    assert torch.equal(state, torch.get_rng_state())
    assert one.measures == other.measures
    assert np.array_equal(one.random.sufficiency, other.random.sufficiency)
    seeded = replace(explanation, request=replace(explanation.request, seed=3))
    again = evaluate(seeded, bundle=bundle)
    assert not np.array_equal(one.random.sufficiency, again.random.sufficiency)
    assert np.allclose(one.comprehensiveness, again.comprehensiveness, atol=1e-6)


def test_the_batch_does_not_change_the_answer():
    bundle = held()
    explanation = explained("text_classification", bundle)
    one, other = (evaluate(explanation, bundle=bundle, batch=batch) for batch in (3, 64))
    assert np.allclose(one.random.comprehensiveness, other.random.comprehensiveness, atol=1e-5)


def test_an_explanation_that_was_saved_is_checked_as_the_one_it_came_from():
    bundle = held()
    explanation = explained("text_classification", bundle)
    assert (
        evaluate(from_json(to_json(explanation)), bundle=bundle).measures
        == evaluate(explanation, bundle=bundle).measures
    )


def test_an_explanation_of_another_model_or_of_whole_words_is_refused():
    bundle = held()
    explanation = explained("text_classification", bundle)
    with pytest.raises(Mismatch, match="Explain it again"):
        evaluate(explanation, bundle=held(wide=0.7))
    with pytest.raises(BadRequest, match="as explain returned it"):
        evaluate(explanation.by_word(), bundle=bundle)
    with pytest.raises(BadRequest, match="There is no target 4"):
        evaluate(explanation, row=4, bundle=bundle)
    with pytest.raises(BadRequest, match="Take 30 or more"):
        evaluate(explanation, rankings=5, bundle=bundle)


def test_a_check_stays_within_the_servers_limits_and_tells_of_its_progress(monkeypatch):
    bundle = held()
    explanation = explained("text_classification", bundle)
    told: list[float] = []
    evaluate(explanation, bundle=bundle, progress=lambda _, share: told.append(share))
    assert len(told) > 3
    assert told[-1] == 1
    monkeypatch.setattr("explainers.engine.settings", lambda: replace(settings(), passes=100))
    with pytest.raises(LimitReached, match="at most 100"):
        evaluate(explanation, bundle=bundle)


@pytest.mark.parametrize("kind", ["gpt2", "marian"])
def test_a_written_token_is_checked_by_the_words_before_it_alone(kind):
    bundle = bundle_of(kind)
    explanation = explain(request_of(kind, method="occlusion"), bundle=bundle)
    last = len(explanation.targets) - 1
    for row in (0, last):
        found = evaluate(explanation, row=row, bundle=bundle)
        assert found.target == explanation.targets[row]
        assert found.tau_loo > 0.9  # occlusion gives a share of a word's fall to its tokens that are yet to come
    assert evaluate(explanation, row=0, bundle=bundle).pieces <= found.pieces
