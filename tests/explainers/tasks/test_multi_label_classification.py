"""Many labels, each by itself: sigmoid probabilities, one row a label from shared passes, the most probable first."""

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
from tests.support.nli import named
from tests.support.sentences import HOSTILE, SENTENCES
from tests.support.tiny import CONFIGS

TEXT = SENTENCES[6]
SHORT = "The lake was quiet."
FEELINGS = ("joy", "anger", "fear", "love", "pride", "grief", "relief", "surprise")


def asked(text=TEXT, method="saliency", target=None, **params):
    return Request("multi_label_classification", "tiny", {"text": text}, method, target, params)


def feelings(kind="bert", problem_type="multi_label_classification", **changes):
    return Bundle.of(*named(kind, FEELINGS, problem_type=problem_type, **changes))


def pipelines(bundle, text=TEXT):
    said = pipeline("text-classification", model=bundle.model, tokenizer=bundle.tokenizer, top_k=None)
    return {row["label"]: row["score"] for row in said([text])[0]}


@pytest.fixture
def bundle():
    return feelings()


@pytest.mark.parametrize("kind", list(CONFIGS))
def test_the_explained_probabilities_are_the_pipelines_sorted(kind):
    bundle = feelings(kind)
    for text in (TEXT, SHORT, HOSTILE["emoji"], HOSTILE["image"]):
        deployed = pipelines(bundle, text)
        found = explain(asked(text, labels=8), bundle=bundle)
        assert [target.label for target in found.targets] == list(deployed)
        np.testing.assert_allclose(found.values, list(deployed.values()), atol=1e-6)
        assert sum(deployed.values()) > 1.05 or sum(deployed.values()) < 0.95  # or a softmax would do as well
        assert predict(asked(text), bundle=bundle) == found.prediction


@pytest.mark.parametrize("kind", ["bert", "roberta", "deberta-v2", "bart"])
def test_every_row_is_captums_at_a_thousand_steps(kind):
    bundle = feelings(kind, wide=0.3)
    ours = explain(asked(SHORT, "integrated_gradients", labels=3, tolerance=0.001, most_passes=2000), bundle=bundle)
    captum = explain(asked(SHORT, "layer_integrated_gradients", labels=3, steps=1000), bundle=bundle)
    assert ours.converged == (True,) * 3
    assert ours.targets == captum.targets
    for mine, right in zip(ours.scores, captum.scores, strict=True):
        assert np.abs(right).sum() > 0.01
        assert np.abs(mine - right).sum() < 0.01 * np.abs(right).sum()


def test_the_six_most_probable_labels_are_explained_unless_more_or_one_is_asked_for(bundle):
    every = explain(asked(labels=8), bundle=bundle)
    for count, params in ((6, {}), (1, {"labels": 1}), (8, {"labels": 500})):
        found = explain(asked(**params), bundle=bundle)
        assert found.targets == every.targets[:count]
        np.testing.assert_allclose(found.scores, every.scores[:count], atol=1e-6)
    one = explain(asked(target="grief"), bundle=bundle)
    row = [target.label for target in every.targets].index("grief")
    assert one.targets == (every.targets[row],)
    np.testing.assert_allclose(one.scores[0], every.scores[row], atol=1e-6)


def test_one_forward_pass_serves_all_labels(bundle):
    one, six = explain(asked(labels=1), bundle=bundle), explain(asked(labels=6), bundle=bundle)
    assert six.evaluations[0] == one.evaluations[0]
    assert six.evaluations[1] == 6 * one.evaluations[1]


@pytest.mark.parametrize("unit", ["probability", "logit", "log_odds"])
def test_a_label_can_be_explained_rather_than_another_and_its_unit_is_read_from_its_own_logit(bundle, unit):
    with torch.no_grad():
        logits = bundle.model(**bundle.tokenizer(TEXT, return_tensors="pt")).logits[0]
    right = logits.sigmoid() if unit == "probability" else logits
    one, other, both = (
        explain(asked(method="input_x_gradient", target=target, unit=unit), bundle=bundle)
        for target in ("fear", "pride", Target("fear", foil="pride"))
    )
    assert one.values[0] == pytest.approx(float(right[2]), abs=1e-5)
    np.testing.assert_allclose(both.scores, one.scores - other.scores, atol=1e-5)


def test_a_model_that_does_not_say_what_it_was_trained_for_is_read_label_by_label():
    bundle = feelings(problem_type=None)
    with torch.no_grad():
        right = bundle.model(**bundle.tokenizer(TEXT, return_tensors="pt")).logits[0].sigmoid()
    found = explain(asked(labels=8), bundle=bundle)
    assert {target.index: target.probability for target in found.targets} == pytest.approx(
        dict(enumerate(right.tolist())), abs=1e-6
    )


@pytest.mark.parametrize(
    ("kind", "why"), [("single_label_classification", "chooses one of its labels"), ("regression", "gives numbers")]
)
def test_a_model_that_judges_no_labels_by_themselves_is_refused_with_the_task_that_fits(kind, why):
    for ask in (explain, predict):
        with pytest.raises(Incompatible, match=f"{why}.*Explain it as text classification"):
            ask(asked(), bundle=feelings(problem_type=kind))


def test_labels_and_counts_that_cannot_be_are_answered_with_what_can(bundle):
    with pytest.raises(BadRequest, match="anger, fear, grief, joy, love, pride, relief, surprise"):
        explain(asked(target="envy"), bundle=bundle)
    for count in (0, -1, 1.5, "many"):
        with pytest.raises(BadRequest, match="a whole number from 1 to 1000"):
            explain(asked(labels=count), bundle=bundle)
    with pytest.raises(BadRequest, match="Text is empty"):
        explain(asked(" "), bundle=bundle)


def test_a_text_over_the_models_limit_is_cut_with_one_notice(bundle):
    found = explain(asked(" ".join(SENTENCES * 3)), bundle=bundle)
    assert found.scores.shape == (6, bundle.embeddings.longest)
    assert len(found.notices) == 1
    assert "was not read" in found.notices[0]


@pytest.mark.parametrize("kind", list(HOSTILE))
def test_any_text_is_shown_as_it_was_typed_in_every_row(bundle, kind):
    found = explain(asked(HOSTILE[kind], labels=2), bundle=bundle).by_word()
    for row in range(2):
        page = ParsedHtml(render_spans(found, row))
        assert page.text("wf-map") == mark_controls(HOSTILE[kind])
        assert not [tag for tag, _ in page.elements if tag in ("img", "script")]


def test_the_matrix_has_a_line_a_label_and_a_column_a_word_with_the_scores_themselves(bundle):
    found = explain(asked(SHORT, "integrated_gradients"), bundle=bundle).by_word()
    columns = [i for i, feature in enumerate(found.features) if not feature.special]
    heatmap = draw_target_matrix(found, range(6)).data[0]
    np.testing.assert_allclose(np.array(heatmap.z, dtype=float), found.scores[:, columns], atol=1e-7)
    assert [cells[0][0] for cells in heatmap.customdata] == [target.label for target in found.targets]
    assert [cell[1] for cell in heatmap.customdata[0]] == ["The", "lake", "was", "quiet", "."]


def test_every_label_leaves_as_json_csv_html_and_link(bundle):
    request = asked(SHORT, "integrated_gradients", labels=4)
    found = explain(request, bundle=bundle)
    assert from_json(to_json(found)) == found
    assert Request.from_query(request.to_query()) == request
    rows = to_csv(found).splitlines()[1:]
    assert [row.split(",")[0].strip('"') for row in rows[:: len(found.features)]] == [t.label for t in found.targets]
    assert ParsedHtml(to_html(found)).text("wf-map") == 4 * SHORT
