"""`evaluate` on every task with tiny models: several targets, images, saved explanations and limits."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from explainers import Bundle, Explanation, Request, evaluate, explain
from explainers.errors import BadRequest, LimitReached, Mismatch
from explainers.export.serialize import from_json, to_json
from explainers.settings import settings
from tests.support.generation_models import bundle_of, request_of
from tests.support.image_models import make_bundle as seeing_bundle
from tests.support.image_models import make_request
from tests.support.nli import make_named
from tests.support.tiny import tiny

TEXT = "A wonderful cast and a clever story, told far too slowly."
TASKS = {
    "text_classification": {"text": TEXT},
    "token_classification": {"text": "Doctor Lee moved to Lima."},
    "question_answering": {"question": "Who moved?", "context": "Doctor Lee moved to Lima."},
}


def make_bundle(kind: str = "bert", task: str | None = None, **changes: object) -> Bundle:
    return Bundle.of(*tiny(kind, task=task, **changes))


def make_explanation(task: str, bundle: Bundle, method: str = "occlusion") -> Explanation:
    return explain(Request(task, "tiny", TASKS[task], method=method), bundle=bundle)


def test_the_fall_without_the_top_word_is_its_occlusion_score():
    bundle = make_bundle()
    explanation = make_explanation("text_classification", bundle)
    words = [score for _, score in explanation.by_word().pairs()]
    faithfulness = evaluate(explanation, bundle=bundle)
    assert faithfulness.pieces == len(words) - 2  # without [CLS] and [SEP]
    assert faithfulness.tau_loo == pytest.approx(1)
    share = explain(
        Request("text_classification", "tiny", {"text": "Good bad cast"}, method="occlusion"), bundle=bundle
    )
    first = evaluate(share, bundle=bundle).comprehensiveness[0]
    assert first == pytest.approx(max(score for _, score in share.by_word().pairs()), abs=1e-6)


@pytest.mark.parametrize("task", ["token_classification", "question_answering"])
def test_every_target_of_token_and_span_tasks_is_evaluated(task):
    bundle = make_bundle(task=task)
    explanation = make_explanation(task, bundle)
    for row in range(len(explanation.targets)):
        faithfulness = evaluate(explanation, row=row, bundle=bundle)
        assert faithfulness.target == explanation.targets[row]
        assert faithfulness.tau_loo == pytest.approx(1)
        assert faithfulness.evaluations[1] == 0


def test_each_label_is_evaluated_on_the_words_visible_to_it():
    bundle = Bundle.of(*make_named("bert", ("entailment", "neutral", "contradiction")))
    shown = {"multi_label": True, "hypothesis": "shown"}  # hypotheses, visible to their own label only
    inputs = {"text": TEXT, "labels": "cooking, travel"}
    request = Request("zero_shot_classification", "tiny", inputs, method="occlusion", params=shown)
    explanation = explain(request, bundle=bundle)
    for row, target in enumerate(explanation.targets):
        visible = {
            (feature.field, feature.word)
            for feature, score in zip(explanation.features, explanation.scores[row], strict=True)
            if not feature.special and not np.isnan(score)
        }
        faithfulness = evaluate(explanation, row=row, bundle=bundle)
        assert (faithfulness.target, faithfulness.pieces) == (target, len(visible))
        assert np.isfinite(faithfulness.comprehensiveness).all()
        assert faithfulness.tau_loo == pytest.approx(1)


def test_images_are_evaluated_by_squares():
    bundle = seeing_bundle("resnet")
    faithfulness = evaluate(explain(make_request("occlusion", params={"patch": 4}), bundle=bundle), bundle=bundle)
    assert (faithfulness.piece, faithfulness.pieces, faithfulness.verdict) == ("square", 64, "beats chance")
    assert faithfulness.tau_loo == pytest.approx(1)
    sizes = evaluate(explain(make_request("grad_cam"), bundle=bundle), bundle=bundle)
    assert sizes.pieces == 64


def test_evaluation_depends_on_the_seed_and_not_on_the_global_generator():
    bundle = make_bundle()
    explanation = make_explanation("text_classification", bundle)
    state = torch.get_rng_state()
    one, other = (evaluate(explanation, bundle=bundle) for _ in range(2))
    assert torch.equal(state, torch.get_rng_state())
    assert one.measures == other.measures
    assert np.array_equal(one.random.sufficiency, other.random.sufficiency)
    seeded = replace(explanation, request=replace(explanation.request, seed=3))
    again = evaluate(seeded, bundle=bundle)
    assert not np.array_equal(one.random.sufficiency, again.random.sufficiency)
    assert np.allclose(one.comprehensiveness, again.comprehensiveness, atol=1e-6)


def test_the_batch_size_does_not_change_the_evaluation():
    bundle = make_bundle()
    explanation = make_explanation("text_classification", bundle)
    one, other = (evaluate(explanation, bundle=bundle, batch=batch) for batch in (3, 64))
    assert np.allclose(one.random.comprehensiveness, other.random.comprehensiveness, atol=1e-5)


def test_a_saved_explanation_is_evaluated_like_the_original():
    bundle = make_bundle()
    explanation = make_explanation("text_classification", bundle)
    assert (
        evaluate(from_json(to_json(explanation)), bundle=bundle).measures
        == evaluate(explanation, bundle=bundle).measures
    )


def test_explanations_of_other_models_or_of_whole_words_are_refused():
    bundle = make_bundle()
    explanation = make_explanation("text_classification", bundle)
    with pytest.raises(Mismatch, match="Explain it again"):
        evaluate(explanation, bundle=make_bundle(wide=0.7))
    with pytest.raises(BadRequest, match="as explain returned it"):
        evaluate(explanation.by_word(), bundle=bundle)
    with pytest.raises(BadRequest, match="There is no target 4"):
        evaluate(explanation, row=4, bundle=bundle)
    with pytest.raises(BadRequest, match="Choose 30 or more"):
        evaluate(explanation, rankings=5, bundle=bundle)


def test_evaluation_reports_progress_and_stops_at_the_servers_limits(monkeypatch):
    bundle = make_bundle()
    explanation = make_explanation("text_classification", bundle)
    told: list[float] = []
    evaluate(explanation, bundle=bundle, progress=lambda _, share: told.append(share))
    assert len(told) > 3
    assert told[-1] == 1
    monkeypatch.setattr("explainers.engine.settings", lambda: replace(settings(), passes=100))
    with pytest.raises(LimitReached, match="at most 100"):
        evaluate(explanation, bundle=bundle)


@pytest.mark.parametrize("kind", ["gpt2", "marian"])
def test_generated_tokens_are_evaluated_on_the_words_before_them(kind):
    bundle = bundle_of(kind)
    explanation = explain(request_of(kind, method="occlusion"), bundle=bundle)
    last = len(explanation.targets) - 1
    for row in (0, last):
        faithfulness = evaluate(explanation, row=row, bundle=bundle)
        assert faithfulness.target == explanation.targets[row]
        assert faithfulness.tau_loo > 0.9  # occlusion also gives a share to tokens of the word that come later
    assert evaluate(explanation, row=0, bundle=bundle).pieces <= faithfulness.pieces
