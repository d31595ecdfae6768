"""Named entities and their maps: transformers' own pipeline's probabilities, and every token apart."""

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
def named(kind, names=NAMES):
    """A tiny tagger whose classes have names."""
    model, tokenizer = tiny(kind, labels=len(names), task="token_classification")
    model = deepcopy(model)
    model.config.id2label, model.config.label2id = dict(enumerate(names)), {name: i for i, name in enumerate(names)}
    return model, tokenizer


def asked(text=TEXT, method="saliency", target=None, **params):
    return Request("token_classification", "tiny", {"text": text}, method, target, params)


@pytest.fixture(params=KINDS)
def bundle(request):
    return Bundle.of(*named(request.param))


@pytest.fixture
def bert():
    return Bundle.of(*named("bert"))


def deployed(bundle, text, strategy):
    """What transformers' own pipeline finds; it warns where it has to guess what a word is."""
    tagger = pipeline(
        "token-classification", model=bundle.model, tokenizer=bundle.tokenizer, aggregation_strategy=strategy
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return tagger(text)


def in_order(targets):
    return sorted(targets, key=lambda target: target.position)


def probabilities(bundle, text=TEXT):
    """Of every token and class, by a plain forward pass, (F, C)."""
    with torch.no_grad():
        return bundle.model(**bundle.tokenizer(text, return_tensors="pt")).logits[0].softmax(-1)


def test_single_tokens_have_the_pipelines_class_place_and_probability(bundle):
    for text in (*SENTENCES[:3], *HOSTILE.values()):
        right = deployed(bundle, text, "none")
        found = in_order(predict(asked(text, grouping="token"), bundle=bundle).targets)
        assert [(t.position, t.label) for t in found] == [(row["index"], row["entity"]) for row in right]
        np.testing.assert_allclose([t.probability for t in found], [row["score"] for row in right], atol=1e-6)


def test_entities_of_tokens_are_the_pipelines_by_its_simple_rule(bundle):
    for text in (*SENTENCES[:3], *HOSTILE.values()):
        right = deployed(bundle, text, "simple")
        found = in_order(predict(asked(text, grouping="simple"), bundle=bundle).targets)
        assert [t.label for t in found] == [row["entity_group"] for row in right]
        np.testing.assert_allclose([t.probability for t in found], [row["score"] for row in right], atol=1e-6)


@pytest.mark.parametrize("kind", ["bert", "distilbert", "electra"])  # tokenizers of which the pipeline knows the words
def test_entities_of_words_are_the_pipelines_by_its_first_rule(kind):
    bundle = Bundle.of(*named(kind))
    for text in PLAIN:
        right = deployed(bundle, text, "first")
        found = in_order(predict(asked(text), bundle=bundle).targets)
        assert [(t.label, t.text) for t in found] == [
            (row["entity_group"], text[row["start"] : row["end"]]) for row in right
        ]
        np.testing.assert_allclose([t.probability for t in found], [row["score"] for row in right], atol=1e-6)


def test_the_explained_numbers_are_the_probabilities_that_were_said(bundle):
    shown = next(text for text in (TEXT, *SENTENCES) if predict(asked(text), bundle=bundle).targets)
    for grouping in ("entity", "simple", "word", "token"):
        said = predict(asked(shown, grouping=grouping), bundle=bundle)
        found = explain(asked(shown, grouping=grouping, most_entities=5), bundle=bundle)
        assert found.prediction == said
        np.testing.assert_allclose(found.values, [target.probability for target in found.targets], atol=1e-6)
        assert list(found.targets) == in_order(said.targets[:5])


@pytest.mark.parametrize("kind", ["bert", "albert", "deberta-v2", "gpt2"])
def test_integrated_gradients_are_captums_at_a_thousand_steps(kind):
    bundle = Bundle.of(*named(kind, ("B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG")))
    params = {"most_entities": 2, "unit": "logit"}
    ours = explain(asked("The plot has holes.", "integrated_gradients", tolerance=0.001, most_passes=2000, **params),
                   bundle=bundle)  # fmt: skip
    captum = explain(asked("The plot has holes.", "layer_integrated_gradients", steps=1000, **params), bundle=bundle)
    for row in range(len(ours.targets)):
        assert np.abs(captum.scores[row]).sum() > 0.01
        assert ours.converged[row]
        assert float(captum.relative_error[row]) < 0.01
        assert np.abs(ours.scores[row] - captum.scores[row]).sum() < 0.01 * np.abs(captum.scores[row]).sum()


def test_settings_for_what_is_ignored_reach_the_model_as_they_are_written(bert):
    every = {t.position for t in predict(asked(grouping="token", ignored_labels=""), bundle=bert).targets}
    assert every == set(range(1, len(bert.tokenizer(TEXT)["input_ids"]) - 1))
    fewer = predict(asked(grouping="token", ignored_labels="", ignored_indexes=" 2, 5,"), bundle=bert).targets
    assert {t.position for t in fewer} == every - {2, 5}
    specials = predict(asked(grouping="token", ignored_labels="", special_tokens=True), bundle=bert).targets
    assert {t.position for t in specials} == every | {0, max(every) + 1}
    with pytest.raises(BadRequest, match="token to leave out 'x'"):
        predict(asked(ignored_indexes="1,x"), bundle=bert)
    left = predict(asked(ignored_labels="O, LOC"), bundle=Bundle.of(*named("albert"))).targets
    assert {t.label for t in left} == {"PER"}


def test_words_that_stand_twice_are_two_entities_with_maps_of_their_own():
    """transformers-interpret keyed its result by the token, and lost all but the last."""
    bundle = Bundle.of(*named("bert", ("B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG")))
    found = explain(asked("the film and the film", "input_x_gradient", grouping="word"), bundle=bundle)
    assert [target.text for target in found.targets] == ["the", "film", "and", "the", "film"]
    assert len({target.position for target in found.targets}) == 5
    assert np.abs(found.scores[0] - found.scores[3]).max() > 1e-5


def test_any_class_of_any_token_can_be_asked_about(bert):
    table = probabilities(bert)
    for position in (0, 1, 4, len(table) - 1):
        for index, name in enumerate(NAMES):
            found = explain(asked(target=Target(name, position=position), grouping="token"), bundle=bert)
            assert float(found.values[0]) == pytest.approx(float(table[position, index]), abs=1e-6)
            assert (found.targets[0].label, found.targets[0].position) == (name, position)
        found = explain(asked(target=Target(position=position)), bundle=bert)
        assert float(found.values[0]) == pytest.approx(float(table[position].max()), abs=1e-6)
    by_index = explain(asked(target=Target(index=3, position=4), grouping="token"), bundle=bert)
    assert by_index.targets[0].label == "B-LOC"


def test_an_entity_is_asked_about_by_its_first_token_and_a_class_by_its_name(bert):
    said = predict(asked(), bundle=bert).targets
    for target in said[:3]:
        found = explain(asked(target=Target(target.label, position=target.position)), bundle=bert)
        assert found.targets == (target,)
        assert explain(asked(target=Target(position=target.position)), bundle=bert).targets == (target,)
    kind = said[0].label
    found = explain(asked(target=kind.lower(), most_entities=100), bundle=bert)
    assert list(found.targets) == in_order(target for target in said if target.label == kind)


@pytest.mark.parametrize("unit", ["probability", "logit", "log_odds"])
def test_units_and_contrasts_are_read_from_the_same_logits(bert, unit):
    position = predict(asked(), bundle=bert).targets[0].position
    with torch.no_grad():
        logits = bert.model(**bert.tokenizer(TEXT, return_tensors="pt")).logits[0, position]
    shares = logits.softmax(0)
    right = {"probability": shares, "logit": logits, "log_odds": (shares / (1 - shares)).log()}[unit]
    one, other, both = (
        explain(asked(TEXT, "input_x_gradient", target, grouping="token", unit=unit), bundle=bert)
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


def test_a_foil_leaves_out_the_entities_that_are_of_its_class():
    bundle = Bundle.of(*named("albert"))
    said = predict(asked(), bundle=bundle).targets
    assert {target.label for target in said} == {"PER", "LOC"}
    found = explain(asked(target=Target(foil="LOC"), most_entities=100), bundle=bundle)
    people = in_order(target for target in said if target.label == "PER")
    assert [target.position for target in found.targets] == [target.position for target in people]
    assert all(target.foil in ("LOC", "B-LOC", "I-LOC") for target in found.targets)
    with pytest.raises(BadRequest, match="cannot be compared with itself"):
        explain(asked(target=Target(said[0].label, position=said[0].position, foil=said[0].label)), bundle=bundle)


def test_of_many_entities_the_most_probable_are_explained_in_reading_order_with_a_notice(bert):
    said = predict(asked(), bundle=bert).targets
    found = explain(asked(most_entities=3), bundle=bert)
    assert list(found.targets) == in_order(said[:3])
    assert (
        found.notices[0] == f"Of {len(said)} entities the 3 most probable are explained. Ask about any other by itself."
    )
    assert not explain(asked(most_entities=100), bundle=bert).notices


def test_fewer_entities_are_explained_of_a_long_text_but_every_token_that_is_asked_for():
    finding = EntityParams(most_entities=12)
    assert [finding.most(tokens) for tokens in (10, 166, 200, 512, 5_000)] == [12, 12, 10, 3, 1]
    assert EntityParams(most_entities=500, grouping="token").most(512) == 500


def test_no_entity_is_nothing_said_and_a_clear_error_when_asked_why(bert):
    nothing = asked(ignored_labels=",".join(NAMES))
    assert predict(nothing, bundle=bert).targets == ()
    with pytest.raises(BadRequest, match="finds no entity in this text"):
        explain(nothing, bundle=bert)
    at_one = asked(target=Target("B-LOC", position=1), ignored_labels=",".join(NAMES))
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
def test_what_is_not_there_is_answered_with_what_is(bert, target, word):
    with pytest.raises(BadRequest, match=word):
        explain(asked(target=target), bundle=bert)


@pytest.mark.parametrize("name", list(HOSTILE))
def test_hostile_texts_give_entities_of_their_own_characters(bert, name):
    for grouping in ("entity", "word"):
        found = explain(asked(HOSTILE[name], grouping=grouping, most_entities=3), bundle=bert)
        assert np.isfinite(found.scores).all()
        assert all(target.text in HOSTILE[name] for target in found.prediction.targets)
    assert "<img" not in to_html(found)


def test_a_text_over_the_limit_is_cut_with_a_notice(bundle):
    found = explain(asked(" ".join(SENTENCES * 3), ignored_labels="", most_entities=1), bundle=bundle)
    assert len(found.features) == bundle.embeddings.longest
    assert any("was not read" in notice for notice in found.notices)


@pytest.mark.parametrize("text", ["", "   "])
def test_an_empty_text_is_asked_for(bert, text):
    with pytest.raises(BadRequest, match="Text is empty"):
        explain(asked(text), bundle=bert)


def test_a_model_of_another_task_is_refused():
    for task in ("text_classification", "question_answering"):
        with pytest.raises(Incompatible, match="gives no class to each token"):
            explain(asked(), bundle=Bundle.of(*tiny("bert", task=task)))


def test_files_and_links_keep_every_map_and_what_was_asked(bert):
    target = predict(asked(), bundle=bert).targets[0]
    found = explain(asked(target=Target(target.label, position=target.position, foil="O")), bundle=bert)
    assert from_json(to_json(found)) == found
    assert found.request.to_query()["position"] == str(target.position)
    assert Request.from_query(found.request.to_query()) == found.request
    every = explain(asked(most_entities=3), bundle=bert)
    names = [line.split('","')[0].lstrip('"') for line in to_csv(every).splitlines()[1:]]
    for target in every.targets:
        assert names.count(f"{target.text}: {target.label} (token {target.position})") == len(every.features)


def test_examples_are_there():
    examples = TASKS["token_classification"].examples
    assert len(examples) == 6
    assert all(dict(example.inputs).keys() == {"text"} for example in examples)
