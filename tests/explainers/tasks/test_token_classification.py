"""Named entities: the probabilities of transformers' pipeline, and an explanation of each occurrence."""

import warnings
from copy import deepcopy
from functools import cache

import numpy as np
import pytest
import torch
from transformers import pipeline

from explainers import Bundle, Request, Target, explain, predict
from explainers.errors import BadRequest, Incompatible
from explainers.export.html import to_html
from explainers.export.serialize import from_json, to_csv, to_json
from explainers.tasks import TASKS
from explainers.tasks.token_classification import EntityParams
from tests.support.sentences import HOSTILE, SENTENCES
from tests.support.tiny import CONFIGS, tiny

KINDS = [kind for kind in (*CONFIGS, "gpt2", "mpnet") if kind != "bart"]  # which has no such head
NAMES = ("B-PER", "I-PER", "O", "B-LOC", "I-LOC")
TEXT = SENTENCES[1]
PLAIN = [text for text in SENTENCES if not set(text) & set("'-")]  # in which all agree on what a word is


@cache
def make_tagger(kind, names=NAMES):
    """Return a tiny token classifier with named classes, and its tokenizer."""
    model, tokenizer = tiny(kind, labels=len(names), task="token_classification")
    model = deepcopy(model)
    model.config.id2label, model.config.label2id = dict(enumerate(names)), {name: i for i, name in enumerate(names)}
    return model, tokenizer


def make_request(text=TEXT, method="saliency", target=None, **params):
    return Request("token_classification", "tiny", {"text": text}, method, target, params)


@pytest.fixture(params=KINDS)
def bundle(request):
    return Bundle.of(*make_tagger(request.param))


@pytest.fixture
def bert():
    return Bundle.of(*make_tagger("bert"))


def run_pipeline(bundle, text, strategy):
    """Return the entities of transformers' pipeline, which warns if it has to guess what a word is."""
    tagger = pipeline(
        "token-classification", model=bundle.model, tokenizer=bundle.tokenizer, aggregation_strategy=strategy
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return tagger(text)


def sort_by_position(targets):
    return sorted(targets, key=lambda target: target.position)


def compute_probabilities(bundle, text=TEXT):
    """Return the probability of every class for every token, (F, C), from a plain forward pass."""
    with torch.no_grad():
        return bundle.model(**bundle.tokenizer(text, return_tensors="pt")).logits[0].softmax(-1)


def test_single_tokens_have_the_pipelines_class_place_and_probability(bundle):
    for text in (*SENTENCES[:3], *HOSTILE.values()):
        right = run_pipeline(bundle, text, "none")
        found = sort_by_position(predict(make_request(text, grouping="token"), bundle=bundle).targets)
        assert [(t.position, t.label) for t in found] == [(row["index"], row["entity"]) for row in right]
        np.testing.assert_allclose([t.probability for t in found], [row["score"] for row in right], atol=1e-6)


def test_entities_of_tokens_are_the_pipelines_by_its_simple_rule(bundle):
    for text in (*SENTENCES[:3], *HOSTILE.values()):
        right = run_pipeline(bundle, text, "simple")
        found = sort_by_position(predict(make_request(text, grouping="simple"), bundle=bundle).targets)
        assert [t.label for t in found] == [row["entity_group"] for row in right]
        np.testing.assert_allclose([t.probability for t in found], [row["score"] for row in right], atol=1e-6)


@pytest.mark.parametrize("kind", ["bert", "distilbert", "electra"])  # tokenizers of which the pipeline knows the words
def test_entities_of_words_are_the_pipelines_by_its_first_rule(kind):
    bundle = Bundle.of(*make_tagger(kind))
    for text in PLAIN:
        right = run_pipeline(bundle, text, "first")
        found = sort_by_position(predict(make_request(text), bundle=bundle).targets)
        assert [(t.label, t.text) for t in found] == [
            (row["entity_group"], text[row["start"] : row["end"]]) for row in right
        ]
        np.testing.assert_allclose([t.probability for t in found], [row["score"] for row in right], atol=1e-6)


def test_the_explained_numbers_are_the_predicted_probabilities(bundle):
    shown = next(text for text in (TEXT, *SENTENCES) if predict(make_request(text), bundle=bundle).targets)
    for grouping in ("entity", "simple", "word", "token"):
        said = predict(make_request(shown, grouping=grouping), bundle=bundle)
        found = explain(make_request(shown, grouping=grouping, most_entities=5), bundle=bundle)
        assert found.prediction == said
        np.testing.assert_allclose(found.values, [target.probability for target in found.targets], atol=1e-6)
        assert list(found.targets) == sort_by_position(said.targets[:5])


@pytest.mark.parametrize("kind", ["bert", "albert", "deberta-v2", "gpt2"])
def test_integrated_gradients_are_captums_at_a_thousand_steps(kind):
    bundle = Bundle.of(*make_tagger(kind, ("B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG")))
    params = {"most_entities": 2, "unit": "logit"}
    precise = {"tolerance": 0.001, "most_passes": 2000}
    ours = explain(make_request("The plot has holes.", "integrated_gradients", **precise, **params), bundle=bundle)
    captum = explain(
        make_request("The plot has holes.", "layer_integrated_gradients", steps=1000, **params), bundle=bundle
    )
    for row in range(len(ours.targets)):
        assert np.abs(captum.scores[row]).sum() > 0.01
        assert ours.converged[row]
        assert float(captum.relative_error[row]) < 0.01
        assert np.abs(ours.scores[row] - captum.scores[row]).sum() < 0.01 * np.abs(captum.scores[row]).sum()


def test_ignored_classes_tokens_and_special_tokens_are_read_from_the_settings(bert):
    every = {t.position for t in predict(make_request(grouping="token", ignored_labels=""), bundle=bert).targets}
    assert every == set(range(1, len(bert.tokenizer(TEXT)["input_ids"]) - 1))
    fewer = predict(make_request(grouping="token", ignored_labels="", ignored_indexes=" 2, 5,"), bundle=bert).targets
    assert {t.position for t in fewer} == every - {2, 5}
    specials = predict(make_request(grouping="token", ignored_labels="", special_tokens=True), bundle=bert).targets
    assert {t.position for t in specials} == every | {0, max(every) + 1}
    with pytest.raises(BadRequest, match="token to ignore 'x'"):
        predict(make_request(ignored_indexes="1,x"), bundle=bert)
    left = predict(make_request(ignored_labels="O, LOC"), bundle=Bundle.of(*make_tagger("albert"))).targets
    assert {t.label for t in left} == {"PER"}


def test_equal_words_at_two_places_are_two_entities_with_their_own_scores():
    """transformers-interpret keyed its result by the token, and lost all but the last."""
    bundle = Bundle.of(*make_tagger("bert", ("B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG")))
    found = explain(make_request("the film and the film", "input_x_gradient", grouping="word"), bundle=bundle)
    assert [target.text for target in found.targets] == ["the", "film", "and", "the", "film"]
    assert len({target.position for target in found.targets}) == 5
    assert np.abs(found.scores[0] - found.scores[3]).max() > 1e-5


def test_any_class_of_any_token_can_be_explained(bert):
    table = compute_probabilities(bert)
    for position in (0, 1, 4, len(table) - 1):
        for index, name in enumerate(NAMES):
            found = explain(make_request(target=Target(name, position=position), grouping="token"), bundle=bert)
            assert float(found.values[0]) == pytest.approx(float(table[position, index]), abs=1e-6)
            assert (found.targets[0].label, found.targets[0].position) == (name, position)
        found = explain(make_request(target=Target(position=position)), bundle=bert)
        assert float(found.values[0]) == pytest.approx(float(table[position].max()), abs=1e-6)
    by_index = explain(make_request(target=Target(index=3, position=4), grouping="token"), bundle=bert)
    assert by_index.targets[0].label == "B-LOC"


def test_an_entity_is_chosen_by_its_first_token_and_a_class_by_its_name(bert):
    said = predict(make_request(), bundle=bert).targets
    for target in said[:3]:
        found = explain(make_request(target=Target(target.label, position=target.position)), bundle=bert)
        assert found.targets == (target,)
        assert explain(make_request(target=Target(position=target.position)), bundle=bert).targets == (target,)
    kind = said[0].label
    found = explain(make_request(target=kind.lower(), most_entities=100), bundle=bert)
    assert list(found.targets) == sort_by_position(target for target in said if target.label == kind)


@pytest.mark.parametrize("unit", ["probability", "logit", "log_odds"])
def test_units_and_contrasts_are_read_from_the_same_logits(bert, unit):
    position = predict(make_request(), bundle=bert).targets[0].position
    with torch.no_grad():
        logits = bert.model(**bert.tokenizer(TEXT, return_tensors="pt")).logits[0, position]
    shares = logits.softmax(0)
    right = {"probability": shares, "logit": logits, "log_odds": (shares / (1 - shares)).log()}[unit]
    one, other, both = (
        explain(make_request(TEXT, "input_x_gradient", target, grouping="token", unit=unit), bundle=bert)
        for target in (
            Target("B-PER", position=position),
            Target("B-LOC", position=position),
            Target("B-PER", position=position, foil="B-LOC"),
        )
    )
    assert float(one.values[0]) == pytest.approx(float(right[0]), rel=1e-3)
    assert float(both.values[0]) == pytest.approx(float(right[0] - right[3]), rel=1e-3)
    np.testing.assert_allclose(both.scores, one.scores - other.scores, atol=1e-4)
    assert both.unit == f"{unit}_margin"
    assert both.targets[0].foil == "B-LOC"


def test_entities_of_the_contrasts_class_are_left_out():
    bundle = Bundle.of(*make_tagger("albert"))
    said = predict(make_request(), bundle=bundle).targets
    assert {target.label for target in said} == {"PER", "LOC"}
    found = explain(make_request(target=Target(foil="LOC"), most_entities=100), bundle=bundle)
    people = sort_by_position(target for target in said if target.label == "PER")
    assert [target.position for target in found.targets] == [target.position for target in people]
    assert all(target.foil in ("LOC", "B-LOC", "I-LOC") for target in found.targets)
    with pytest.raises(BadRequest, match="cannot be compared with itself"):
        explain(
            make_request(target=Target(said[0].label, position=said[0].position, foil=said[0].label)), bundle=bundle
        )


def test_the_most_probable_of_many_entities_are_explained_in_reading_order_with_a_notice(bert):
    said = predict(make_request(), bundle=bert).targets
    found = explain(make_request(most_entities=3), bundle=bert)
    assert list(found.targets) == sort_by_position(said[:3])
    assert f"3 most probable of {len(said)} entities" in found.notices[0]
    assert not explain(make_request(most_entities=100), bundle=bert).notices


def test_a_long_text_has_fewer_explained_entities_except_single_tokens():
    params = EntityParams(most_entities=12)
    assert [params.count(tokens) for tokens in (10, 166, 200, 512, 5_000)] == [12, 12, 10, 3, 1]
    assert EntityParams(most_entities=500, grouping="token").count(512) == 500


def test_a_text_without_entities_has_an_empty_prediction_and_cannot_be_explained(bert):
    nothing = make_request(ignored_labels=",".join(NAMES))
    assert predict(nothing, bundle=bert).targets == ()
    with pytest.raises(BadRequest, match="finds no entity in this text"):
        explain(nothing, bundle=bert)
    at_one = make_request(target=Target("B-LOC", position=1), ignored_labels=",".join(NAMES))
    assert explain(at_one, bundle=bert).targets[0].label == "B-LOC"


@pytest.mark.parametrize(
    ("target", "word"),
    [
        (Target("B-PER", position=500), "no token 500: the model reads tokens 0 to"),
        (Target("ORG", position=1), "no class 'ORG'. Its classes: B-PER, I-PER, O, B-LOC, I-LOC"),
        (Target("ORG"), "finds no 'ORG' in this text, but"),
        (Target(index=7), "no class 7"),
    ],
)
def test_unknown_tokens_and_classes_are_refused_with_the_known_ones(bert, target, word):
    with pytest.raises(BadRequest, match=word):
        explain(make_request(target=target), bundle=bert)


@pytest.mark.parametrize("name", list(HOSTILE))
def test_hostile_texts_give_entities_of_their_own_characters(bert, name):
    for grouping in ("entity", "word"):
        found = explain(make_request(HOSTILE[name], grouping=grouping, most_entities=3), bundle=bert)
        assert np.isfinite(found.scores).all()
        assert all(target.text in HOSTILE[name] for target in found.prediction.targets)
    assert "<img" not in to_html(found)


def test_a_text_over_the_limit_is_cut_with_a_notice(bundle):
    found = explain(make_request(" ".join(SENTENCES * 3), ignored_labels="", most_entities=1), bundle=bundle)
    assert len(found.features) == bundle.embeddings.longest
    assert any("was not read" in notice for notice in found.notices)


@pytest.mark.parametrize("text", ["", "   "])
def test_an_empty_text_is_refused(bert, text):
    with pytest.raises(BadRequest, match="Text is empty"):
        explain(make_request(text), bundle=bert)


def test_a_model_of_another_task_is_refused():
    for task in ("text_classification", "question_answering"):
        with pytest.raises(Incompatible, match="predicts no class for each token"):
            explain(make_request(), bundle=Bundle.of(*tiny("bert", task=task)))


def test_files_and_links_keep_every_explanation_and_the_request(bert):
    target = predict(make_request(), bundle=bert).targets[0]
    found = explain(make_request(target=Target(target.label, position=target.position, foil="O")), bundle=bert)
    assert from_json(to_json(found)) == found
    assert found.request.to_query()["position"] == str(target.position)
    assert Request.from_query(found.request.to_query()) == found.request
    every = explain(make_request(most_entities=3), bundle=bert)
    names = [line.split('","')[0].lstrip('"') for line in to_csv(every).splitlines()[1:]]
    for target in every.targets:
        assert names.count(f"{target.text}: {target.label} (token {target.position})") == len(every.features)


def test_examples_are_there():
    examples = TASKS["token_classification"].examples
    assert len(examples) == 6
    assert all(dict(example.inputs).keys() == {"text"} for example in examples)
