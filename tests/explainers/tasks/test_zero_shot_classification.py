"""Labels that the user types: the zero-shot pipeline's probabilities, Captum's scores, and every token of the text."""

import copy

import numpy as np
import pytest
import torch
from transformers import pipeline

from explainers import TASKS, Bundle, Request, Target, explain, predict
from explainers.errors import BadRequest, Incompatible, LimitReached
from explainers.export.html import to_html
from explainers.export.serialize import from_json, to_csv, to_json
from explainers.visualization.text.spans import render_spans
from tests.support.captum_reference import attribute_with_captum
from tests.support.explanations import EVIL, ParsedHtml, mark_controls
from tests.support.nli import NLI, make_named
from tests.support.sentences import HOSTILE, SENTENCES
from tests.support.tiny import CONFIGS

TEXT = SENTENCES[6]
SHORT = "The lake was quiet."
LABELS = "music, a great idea, home"
NAMES = ("music", "a great idea", "home")
LONG = " ".join(SENTENCES * 3)


def make_request(text=TEXT, labels=LABELS, method="saliency", target=None, template=None, **params):
    inputs = {"text": text, "labels": labels} | ({} if template is None else {"template": template})
    return Request("zero_shot_classification", "tiny", inputs, method, target, params)


def run_pipeline(bundle, text=TEXT, labels=LABELS, multi=False, **options):
    tokenizer = copy.deepcopy(bundle.tokenizer)
    tokenizer.model_max_length = bundle.embeddings.longest  # which these tokenizers do not know
    classify = pipeline("zero-shot-classification", model=bundle.model, tokenizer=tokenizer)
    found = classify(text, labels, multi_label=multi, **options)
    return dict(zip(found["labels"], found["scores"], strict=True))


@pytest.fixture
def nli():
    return Bundle.of(*make_named("bert"))


@pytest.mark.parametrize("multi", [False, True])
@pytest.mark.parametrize("kind", list(CONFIGS))
def test_the_explained_probabilities_are_the_pipelines_best_first(kind, multi):
    bundle = Bundle.of(*make_named(kind))
    for text in (TEXT, HOSTILE["emoji"], HOSTILE["image"], LONG):
        deployed = run_pipeline(bundle, text, multi=multi)
        found = explain(make_request(text, multi_label=multi), bundle=bundle)
        assert [target.label for target in found.targets] == list(deployed)
        np.testing.assert_allclose(found.values, list(deployed.values()), atol=1e-6)
        assert predict(make_request(text, multi_label=multi), bundle=bundle) == found.prediction


@pytest.mark.parametrize(
    "names",
    [
        ("contradiction", "neutral", "Entailment"),
        ("neutral", "ENTAILMENT", "contradiction"),
        ("entails", "no"),
        ("not_entailment", "entailment"),
    ],
)
@pytest.mark.parametrize("multi", [False, True])
def test_entailment_is_found_in_any_case_and_place_as_the_pipeline_finds_it(names, multi):
    bundle = Bundle.of(*make_named("bert", names))
    deployed = run_pipeline(bundle, multi=multi)
    found = predict(make_request(multi_label=multi), bundle=bundle)
    assert {target.label: target.probability for target in found.targets} == pytest.approx(deployed, abs=1e-6)


@pytest.mark.parametrize("setting", ["1", "yes", "YE"])
def test_entailment_can_be_chosen_by_the_beginning_of_its_name_or_its_number(setting):
    bundle = Bundle.of(*make_named("bert", ("no", "Yes, it is", "perhaps")))
    right = Bundle.of(*make_named("bert", ("no", "entailment", "perhaps")))
    picked = explain(make_request(entailment=setting), bundle=bundle)
    np.testing.assert_array_equal(picked.scores, explain(make_request(), bundle=right).scores)


@pytest.mark.parametrize(
    ("names", "setting"),
    [(("LABEL_0", "LABEL_1", "LABEL_2"), "entail"), (NLI, "3"), (NLI, ""), (NLI, "-1"), (("entailment",), "entail")],
)
def test_a_model_without_entailment_is_refused_with_its_classes(names, setting):
    with pytest.raises(Incompatible, match=f"no class for entailment.*{', '.join(names)}.*setting Entailment"):
        explain(make_request(entailment=setting), bundle=Bundle.of(*make_named("bert", names)))


def test_a_single_label_is_judged_independently_as_in_the_pipeline(nli):
    found = explain(make_request(labels="music"), bundle=nli)
    assert found.values[0] == pytest.approx(run_pipeline(nli, labels="music")["music"], abs=1e-6)
    assert found.values[0] < 0.999  # a softmax over one label would be 1


def test_the_hypothesis_of_a_label_is_the_pipelines(nli):
    template = "{} is what it's about!"
    deployed = run_pipeline(nli, hypothesis_template=template)
    found = explain(make_request(template=template, hypothesis="shown"), bundle=nli)
    assert {t.label: t.probability for t in found.targets} == pytest.approx(deployed, abs=1e-6)
    assert dict(found.texts)["hypothesis 2"] == "a great idea is what it's about!"


def run_captum(bundle, row, multi, shown):
    """Captum on the word embeddings of all pairs in one batch: label `row`'s probability, by field and place."""
    pairs = [[SHORT, f"This example is {name}."] for name in NAMES]
    rows = bundle.tokenizer(pairs, padding=True, return_tensors="pt", return_special_tokens_mask=True)
    ids, special = rows.pop("input_ids"), rows.pop("special_tokens_mask").bool()

    def score(ids):
        own = {name: tensor.repeat(len(ids) // len(pairs), 1) for name, tensor in rows.items()}
        logits = bundle.model(ids, **own).logits.reshape(-1, len(pairs), len(NLI))  # (steps, labels, C)
        number = logits[:, row, [2, 0]].softmax(-1)[:, 1] if multi else logits[:, :, 0].softmax(-1)[:, row]
        return (number / len(pairs)).repeat_interleave(len(pairs))  # Captum adds up the rows of a batch

    second = torch.tensor([[part == 1 for part in rows.sequence_ids(i)] for i in range(len(pairs))])
    fixed = special | (rows["attention_mask"] == 0) | (second & (not shown))
    blank = torch.where(fixed, ids, torch.full_like(ids, bundle.tokenizer.pad_token_id))
    scores = attribute_with_captum(bundle.model, score, ids, blank, None, 1000)
    found = {}
    for i in range(len(pairs)):
        seen = {}
        for place, (start, end) in enumerate(zip(*offsets(bundle, pairs[i]), strict=True)):
            field = ("text", f"hypothesis {i + 1}")[int(second[i, place])]
            if not fixed[i, place] and end > start:
                key = (field, seen.setdefault(field, 0))
                seen[field] += 1
                found[key] = found.get(key, 0.0) + float(scores[i, place])
    return found


def offsets(bundle, pair):
    rows = bundle.tokenizer(*pair, return_offsets_mapping=True)["offset_mapping"]
    return [start for start, _ in rows], [end for _, end in rows]


@pytest.mark.parametrize(("multi", "shown"), [(False, False), (False, True), (True, True)])
@pytest.mark.parametrize("kind", ["bert", "roberta", "bart"])
def test_integrated_gradients_are_captums_at_a_thousand_steps_on_all_pairs_at_once(kind, multi, shown):
    bundle = Bundle.of(*make_named(kind, wide=0.3))
    params = {"multi_label": multi, "hypothesis": "shown" if shown else "hidden", "tolerance": 0.005}
    found = explain(make_request(SHORT, method="integrated_gradients", most_passes=2000, **params), bundle=bundle)
    assert all(found.converged)
    row = 1
    right = run_captum(bundle, found.targets[row].index, multi, shown)
    mine, seen = {}, {}
    for feature, score in zip(found.features, found.scores[row], strict=True):
        if not feature.special:
            key = (feature.field, seen.setdefault(feature.field, 0))
            seen[feature.field] += 1
            mine[key] = float(np.nan_to_num(score))
    assert set(mine) == set(right)
    size = sum(map(abs, right.values()))
    assert size > 0.01
    assert sum(abs(mine[key] - right[key]) for key in right) < 0.01 * size


@pytest.mark.parametrize("kind", ["bert", "roberta", "deberta-v2"])
def test_every_token_of_the_text_is_a_feature_and_none_of_a_hidden_hypothesis(kind):
    """transformers-interpret cuts the last token of the text off."""
    bundle = Bundle.of(*make_named(kind))
    alone = bundle.tokenizer.tokenize(TEXT)
    found = explain(make_request(method="integrated_gradients"), bundle=bundle)
    own = [feature for feature in found.features if not feature.special]
    assert len(own) == len(alone)
    assert {feature.field for feature in own} == {"text"}
    assert found.source_texts == {"text": TEXT}
    assert own[-1].end == len(TEXT)
    assert (np.abs(found.scores[:, [not feature.special for feature in found.features]]).max(0) > 0).all()


def test_an_independent_label_depends_on_its_own_hypothesis_only(nli):
    """With the logit as unit a label's row is the map of its own pair, and other labels' words are not visible."""
    found = explain(
        make_request(method="input_x_gradient", multi_label=True, hypothesis="shown", unit="logit"), bundle=nli
    )
    for target, scores in zip(found.targets, found.scores, strict=True):
        own, sentence = f"hypothesis {target.index + 1}", f"This example is {target.label}."
        inputs = {"text_a": TEXT, "text_b": sentence}
        options = {"target": "entailment", "params": {"unit": "logit"}}
        pair = explain(Request("pair_classification", "tiny", inputs, "input_x_gradient", **options), bundle=nli)
        mine = [s for f, s in zip(found.features, scores, strict=True) if not f.special and f.field in ("text", own)]
        right = [s for f, s in zip(pair.features, pair.scores[0], strict=True) if not f.special]
        np.testing.assert_allclose(mine, right, atol=1e-5)
        other = [f.field.startswith("hypothesis") and f.field != own for f in found.features]
        assert np.isnan(scores[other]).all()
        assert not np.isnan(scores[np.logical_not(other)]).any()
    apart = explain(make_request(hypothesis="shown"), bundle=nli)
    assert not np.isnan(apart.scores).any()  # where labels compete, each depends on all sentences


def test_equal_tokens_at_different_positions_are_different_features_when_positions_are_explained(nli):
    found = explain(make_request(method="integrated_gradients", embedding="position", hypothesis="shown"), bundle=nli)
    assert all(found.converged)
    last = [i for i, feature in enumerate(found.features) if feature.text == "[SEP]"]
    assert len(last) == 1 + len(NAMES)  # one behind the text for all, and one behind each sentence
    again = explain(make_request(method="integrated_gradients", hypothesis="shown"), bundle=nli)
    assert len([feature for feature in again.features if feature.text == "[SEP]"]) == 2


@pytest.mark.parametrize("multi", [False, True])
def test_a_label_can_be_chosen_and_compared_with_another(nli, multi):
    params = {"method": "input_x_gradient", "multi_label": multi, "hypothesis": "shown"}
    one, other, both = (
        explain(make_request(target=target, **params), bundle=nli)
        for target in ("home", "MUSIC", Target("home", foil="music"))
    )
    assert (one.targets[0].label, other.targets[0].label) == ("home", "music")
    right = np.nan_to_num(one.scores) - np.nan_to_num(other.scores)
    np.testing.assert_allclose(both.scores, right, atol=1e-5)
    assert both.unit == "probability_margin"
    every = explain(make_request(**params), bundle=nli)
    row = [target.label for target in every.targets].index("home")
    np.testing.assert_allclose(one.scores[0], every.scores[row], atol=1e-6)
    with pytest.raises(BadRequest, match=r"no label 'politics' here\. The labels: a great idea, home, music"):
        explain(make_request(target="politics", **params), bundle=nli)


def test_the_targets_are_the_typed_labels(nli):
    task = TASKS["zero_shot_classification"]
    assert (task.choices, task.foils) == ("predictions", "predictions")
    assert {target.label for target in predict(make_request(labels=" home ,, music, "), bundle=nli).targets} == {
        "home",
        "music",
    }


@pytest.mark.parametrize(
    ("changes", "error", "why"),
    [
        ({"labels": " "}, BadRequest, "List of labels is empty"),
        ({"labels": ", ,"}, BadRequest, "There are no labels"),
        ({"labels": "a, b, a"}, BadRequest, "'a' is there twice"),
        ({"labels": ", ".join(map(str, range(101)))}, LimitReached, "101 labels, and at most 100"),
        ({"labels": "word " * 200}, LimitReached, "sentence of .* the model reads at most 128"),
        ({"text": ""}, BadRequest, "Text is empty"),
        ({"template": "It is so."}, BadRequest, "needs one {} where the label goes"),
        ({"template": "It is {label}."}, BadRequest, "needs one {} where the label goes"),
        ({"template": "It is {} {0}."}, BadRequest, "for other braces"),
        ({"template": "It is {} or {}."}, BadRequest, "needs one {} where"),
        ({"multi_label": "maybe"}, BadRequest, "true or false"),
    ],
)
def test_wrong_inputs_are_refused_with_the_reason(nli, changes, error, why):
    for ask in (explain, predict):
        with pytest.raises(error, match=why):
            ask(make_request(**changes), bundle=nli)


def test_twelve_labels_are_explained_in_one_go(nli):
    found = explain(make_request(labels=", ".join("abcdefghijkl")), bundle=nli)
    assert len(found.targets) == 12
    assert found.values.sum() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("shown", ["hidden", "shown"])
def test_only_the_text_of_a_long_pair_is_cut_with_one_notice(nli, shown):
    found = explain(make_request(LONG, labels="a, a wonderful cast and a clever story", hypothesis=shown), bundle=nli)
    assert len(found.notices) == 1
    assert "was not read" in found.notices[0]
    page = ParsedHtml(render_spans(found.by_word()))
    assert page.text("wf-map").startswith(LONG)
    assert LONG.endswith(page.text("wf-unread")[-40:])
    words = [feature.text for feature in found.by_word().features if feature.field == "hypothesis 2"]
    assert " ".join(words) == ("This example is a wonderful cast and a clever story ." if shown == "shown" else "")


@pytest.mark.parametrize("kind", list(HOSTILE))
def test_any_text_and_any_label_is_shown_as_it_was_typed(nli, kind):
    evil = EVIL[0].replace(",", "")
    found = explain(make_request(HOSTILE[kind], f"{evil}, home", hypothesis="shown"), bundle=nli).by_word()
    assert {target.label for target in found.targets} == {evil, "home"}
    for html in (render_spans(found), to_html(found)):
        page = ParsedHtml(html)
        assert page.text("wf-map").startswith(
            f"{mark_controls(HOSTILE[kind])}This example is {evil}.This example is home."
        )
        assert not [tag for tag, _ in page.elements if tag in ("img", "script")]


def test_an_explanation_of_labels_is_exported_as_json_csv_html_and_link(nli):
    request = make_request(
        SHORT, method="integrated_gradients", multi_label=True, hypothesis="shown", template="So {}!"
    )
    found = explain(request, bundle=nli)
    assert np.isnan(found.scores).any()
    assert from_json(to_json(found)) == found
    assert Request.from_query(request.to_query()) == request
    assert {row.split(",")[1] for row in to_csv(found).splitlines()[1:]} == {
        f'"{field}"' for field in ("text", "hypothesis 1", "hypothesis 2", "hypothesis 3")
    }
    assert ParsedHtml(to_html(found)).text("wf-map") == 3 * f"{SHORT}So music!So a great idea!So home!"
