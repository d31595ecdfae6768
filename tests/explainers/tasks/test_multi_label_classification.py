"""Independent labels: sigmoid probabilities, one explanation a label from shared passes, most probable first."""

import numpy as np
import pytest
import torch
from transformers import pipeline

from explainers import Bundle, Request, Target, explain, predict
from explainers.errors import BadRequest, Incompatible
from explainers.export.html import to_html
from explainers.export.serialize import from_json, to_csv, to_json
from explainers.visualization.charts.matrix import draw_target_matrix
from explainers.visualization.text.spans import render_spans
from tests.support.explanations import ParsedHtml, mark_controls
from tests.support.nli import make_named
from tests.support.sentences import HOSTILE, SENTENCES
from tests.support.tiny import CONFIGS

TEXT = SENTENCES[6]
SHORT = "The lake was quiet."
FEELINGS = ("joy", "anger", "fear", "love", "pride", "grief", "relief", "surprise")


def make_request(text=TEXT, method="saliency", target=None, **params):
    return Request("multi_label_classification", "tiny", {"text": text}, method, target, params)


def make_bundle(kind="bert", problem_type="multi_label_classification", **changes):
    return Bundle.of(*make_named(kind, FEELINGS, problem_type=problem_type, **changes))


def run_pipeline(bundle, text=TEXT):
    classify = pipeline("text-classification", model=bundle.model, tokenizer=bundle.tokenizer, top_k=None)
    return {row["label"]: row["score"] for row in classify([text])[0]}


@pytest.fixture
def bundle():
    return make_bundle()


@pytest.mark.parametrize("kind", list(CONFIGS))
def test_the_explained_probabilities_are_the_pipelines_sorted(kind):
    bundle = make_bundle(kind)
    for text in (TEXT, SHORT, HOSTILE["emoji"], HOSTILE["image"]):
        deployed = run_pipeline(bundle, text)
        found = explain(make_request(text, labels=8), bundle=bundle)
        assert [target.label for target in found.targets] == list(deployed)
        np.testing.assert_allclose(found.values, list(deployed.values()), atol=1e-6)
        assert sum(deployed.values()) > 1.05 or sum(deployed.values()) < 0.95  # or a softmax would do as well
        assert predict(make_request(text), bundle=bundle) == found.prediction


@pytest.mark.parametrize("kind", ["bert", "roberta", "deberta-v2", "bart"])
def test_the_scores_of_every_label_are_captums_at_a_thousand_steps(kind):
    bundle = make_bundle(kind, wide=0.3)
    ours = explain(
        make_request(SHORT, "integrated_gradients", labels=3, tolerance=0.001, most_passes=2000), bundle=bundle
    )
    captum = explain(make_request(SHORT, "layer_integrated_gradients", labels=3, steps=1000), bundle=bundle)
    assert ours.converged == (True,) * 3
    assert ours.targets == captum.targets
    for mine, right in zip(ours.scores, captum.scores, strict=True):
        assert np.abs(right).sum() > 0.01
        assert np.abs(mine - right).sum() < 0.01 * np.abs(right).sum()


def test_the_six_most_probable_labels_are_explained_by_default(bundle):
    every = explain(make_request(labels=8), bundle=bundle)
    for count, params in ((6, {}), (1, {"labels": 1}), (8, {"labels": 500})):
        found = explain(make_request(**params), bundle=bundle)
        assert found.targets == every.targets[:count]
        np.testing.assert_allclose(found.scores, every.scores[:count], atol=1e-6)
    one = explain(make_request(target="grief"), bundle=bundle)
    row = [target.label for target in every.targets].index("grief")
    assert one.targets == (every.targets[row],)
    np.testing.assert_allclose(one.scores[0], every.scores[row], atol=1e-6)


def test_one_forward_pass_serves_all_labels(bundle):
    one, six = explain(make_request(labels=1), bundle=bundle), explain(make_request(labels=6), bundle=bundle)
    assert six.evaluations[0] == one.evaluations[0]
    assert six.evaluations[1] == 6 * one.evaluations[1]


@pytest.mark.parametrize("unit", ["probability", "logit", "log_odds"])
def test_a_contrast_of_labels_is_the_difference_of_their_scores(bundle, unit):
    with torch.no_grad():
        logits = bundle.model(**bundle.tokenizer(TEXT, return_tensors="pt")).logits[0]
    right = logits.sigmoid() if unit == "probability" else logits
    one, other, both = (
        explain(make_request(method="input_x_gradient", target=target, unit=unit), bundle=bundle)
        for target in ("fear", "pride", Target("fear", foil="pride"))
    )
    assert one.values[0] == pytest.approx(float(right[2]), abs=1e-5)
    np.testing.assert_allclose(both.scores, one.scores - other.scores, atol=1e-5)


def test_a_model_without_a_problem_type_is_read_label_by_label():
    bundle = make_bundle(problem_type=None)
    with torch.no_grad():
        right = bundle.model(**bundle.tokenizer(TEXT, return_tensors="pt")).logits[0].sigmoid()
    found = explain(make_request(labels=8), bundle=bundle)
    assert {target.index: target.probability for target in found.targets} == pytest.approx(
        dict(enumerate(right.tolist())), abs=1e-6
    )


@pytest.mark.parametrize(
    ("kind", "why"), [("single_label_classification", "chooses one of its labels"), ("regression", "outputs numbers")]
)
def test_a_model_without_independent_labels_is_refused_with_the_task_that_fits(kind, why):
    for ask in (explain, predict):
        with pytest.raises(Incompatible, match=f"{why}.*Explain it as text classification"):
            ask(make_request(), bundle=make_bundle(problem_type=kind))


def test_wrong_labels_and_counts_are_refused_with_the_allowed_values(bundle):
    with pytest.raises(BadRequest, match="anger, fear, grief, joy, love, pride, relief, surprise"):
        explain(make_request(target="envy"), bundle=bundle)
    for count in (0, -1, 1.5, "many"):
        with pytest.raises(BadRequest, match="a whole number from 1 to 100000"):
            explain(make_request(labels=count), bundle=bundle)
    with pytest.raises(BadRequest, match="Text is empty"):
        explain(make_request(" "), bundle=bundle)


def test_a_text_over_the_models_limit_is_cut_with_one_notice(bundle):
    found = explain(make_request(" ".join(SENTENCES * 3)), bundle=bundle)
    assert found.scores.shape == (6, bundle.embeddings.longest)
    assert len(found.notices) == 1
    assert "was not read" in found.notices[0]


@pytest.mark.parametrize("kind", list(HOSTILE))
def test_any_text_is_shown_as_it_was_typed_for_every_label(bundle, kind):
    found = explain(make_request(HOSTILE[kind], labels=2), bundle=bundle).by_word()
    for row in range(2):
        page = ParsedHtml(render_spans(found, row))
        assert page.text("wf-map") == mark_controls(HOSTILE[kind])
        assert not [tag for tag, _ in page.elements if tag in ("img", "script")]


def test_the_matrix_has_a_row_a_label_and_a_column_a_word(bundle):
    found = explain(make_request(SHORT, "integrated_gradients"), bundle=bundle).by_word()
    columns = [i for i, feature in enumerate(found.features) if not feature.special]
    heatmap = draw_target_matrix(found, range(6)).data[0]
    np.testing.assert_allclose(np.array(heatmap.z, dtype=float), found.scores[:, columns], atol=1e-7)
    assert [cells[0][0] for cells in heatmap.customdata] == [target.label for target in found.targets]
    assert [cell[1] for cell in heatmap.customdata[0]] == ["The", "lake", "was", "quiet", "."]


def test_every_label_is_exported_as_json_csv_html_and_link(bundle):
    request = make_request(SHORT, "integrated_gradients", labels=4)
    found = explain(request, bundle=bundle)
    assert from_json(to_json(found)) == found
    assert Request.from_query(request.to_query()) == request
    rows = to_csv(found).splitlines()[1:]
    assert [row.split(",")[0].strip('"') for row in rows[:: len(found.features)]] == [t.label for t in found.targets]
    assert ParsedHtml(to_html(found)).text("wf-map") == 4 * SHORT
