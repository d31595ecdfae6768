"""Context reliance: thresholds by their formula, templates, and the same numbers as single explanations."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from explainers import Bundle, Request, Target, explain, predict
from explainers.analyses.context_reliance import (
    ContextRequest,
    add_context,
    compute_threshold,
    fill_template,
    split_context,
    trace_context,
)
from explainers.errors import BadRequest, NothingGenerated, Overdue
from explainers.progress import Run
from tests.support.hub import make_loaded

CONTEXT, CURRENT, OUTPUT = "a wonderful cast and a clever story.", "the soup was", "cold and the waiter was rude"


@pytest.fixture(scope="module")
def bundle():
    return Bundle.of(*make_loaded("llama", task="text_generation"))


@pytest.fixture(scope="module")
def translator():
    return Bundle.of(*make_loaded("bart", task="translation"))


def make_request(**changes):
    request = Request("text_generation", "tiny", {"prompt": CURRENT, "continuation": OUTPUT}, "saliency")
    return ContextRequest(**{"request": request, "context": CONTEXT} | changes)


def test_the_threshold_is_the_mean_plus_so_many_standard_deviations():
    values = np.array([1.0, 2.0, 3.0, 6.0])
    assert compute_threshold(values, 0) == 3
    assert compute_threshold(values, 2) == pytest.approx(3 + 2 * np.sqrt(3.5))
    assert compute_threshold(np.array([]), 1) == 0


def test_a_template_needs_both_of_its_fields_once():
    assert fill_template("{context} {current}", "A.", "B") == ("A. B", 0)
    assert fill_template("Q: {current} ({context}){{}}", "A.", "B") == ("Q: B (A.){}", 6)
    for template in ("{context}", "{context} {current} {current}", "{0}", "{context} {current} {other}"):
        with pytest.raises(BadRequest, match=r"must hold \{context\} and \{current\}"):
            fill_template(template, "A", "B")
    with pytest.raises(BadRequest, match="cannot be read"):
        fill_template("{context", "A", "B")


def test_a_text_is_split_before_its_last_sentence():
    assert split_context("A b. C d? E f") == ("A b. C d?", "E f")
    assert split_context("A b. ") == ("", "A b. ")
    assert split_context("no sentence") == ("", "no sentence")


def test_an_empty_template_makes_the_context_the_system_prompt():
    request, place = add_context(make_request(template=""))
    assert (request.texts["system"], request.texts["without_context"]) == (CONTEXT, CURRENT)
    assert place == (("system", 0, len(CONTEXT)),)


@pytest.mark.parametrize(("context", "prompt"), [("  ", CURRENT), (CONTEXT, " ")])
def test_a_missing_text_is_refused(context, prompt):
    request = Request("text_generation", "tiny", {"prompt": prompt})
    with pytest.raises(BadRequest, match="is empty"):
        add_context(ContextRequest(request, context))


def test_dependent_tokens_are_above_the_threshold_and_their_cues_lie_in_the_context(bundle):
    result = trace_context(make_request(), bundle=bundle)
    whole = Request(
        "text_generation",
        "tiny",
        {"prompt": f"{CONTEXT} {CURRENT}", "continuation": OUTPUT, "without_context": CURRENT},
        "saliency",
    )
    values = np.array(dict(explain(whole, bundle=bundle).steps)["kl_divergence"])
    assert_allclose(result.values, values, rtol=1e-5)
    assert result.threshold == pytest.approx(values.mean() + values.std(), rel=1e-5)
    assert [token.row for token in result.tokens] == [
        row for row in range(len(values)) if values[row] >= result.threshold
    ]
    assert 0 < len(result.tokens) < len(values)
    without = predict(Request("text_generation", "tiny", {"prompt": CURRENT, "continuation": OUTPUT}), bundle=bundle)
    for token in result.tokens:
        best = without.alternatives[token.row][0]
        assert token.alternative == (best.label if best.index != without.targets[token.row].index else None)
        foil = Target(foil=token.alternative)
        unit = "probability" if token.alternative else "kl_divergence"
        params = {"start": token.row + 1, "end": token.row + 1, "unit": unit}
        if token.alternative:
            params["foil_ids"] = best.index  # read from its text, it may be another token
        request = replace(whole, target=foil, params=params)
        assert_allclose(token.explanation.scores, explain(request, bundle=bundle).scores)
        placed = [(i, f) for i, f in enumerate(token.explanation.features) if f.field == "prompt" and f.end is not None]
        inside = [i for i, f in placed if f.end <= len(CONTEXT)]
        sizes = np.abs(token.explanation.scores[0])
        least = compute_threshold(sizes[inside], 1)
        expected = sorted((i for i in inside if sizes[i] >= least), key=lambda i: -sizes[i])
        assert list(token.cues) == expected


def test_the_text_without_the_context_is_the_models_own_prediction(bundle):
    free = replace(make_request().request, inputs={"prompt": CURRENT}, params={"most_new_tokens": 5})
    result = trace_context(make_request(request=free), bundle=bundle)
    assert result.without == predict(free, bundle=bundle)
    text = predict(add_context(make_request(request=free))[0], bundle=bundle).text
    assert result.explanation.prediction.text.strip() == text.strip()


def test_the_output_of_the_context_is_read_only_with_the_context_and_may_hold_cues(translator):
    """Translators of documents generate the context, then the current text, and only the latter is compared."""
    request = Request("translation", "tiny", {"source": CURRENT, "target": OUTPUT}, "saliency")
    context_request = ContextRequest(
        request, CONTEXT, output_template="{context} {current}", output_context="the cast was clever."
    )
    result = trace_context(replace(context_request, cue_deviations=-1.0, deviations=0.0), bundle=translator)
    both = Request(
        "translation",
        "tiny",
        {"source": f"{CONTEXT} {CURRENT}", "target": OUTPUT, "prefix": "the cast was clever."},
        "saliency",
    )
    shares = [
        explain(replace(request, inputs=inputs, params={"unit": "log_probability"}), bundle=translator).values
        for inputs in (both.inputs, request.inputs)
    ]
    p_cxmi = dict(result.explanation.steps)["p_cxmi"]
    assert_allclose(p_cxmi, (shares[0] - shares[1]) / np.log(2), rtol=1e-4, atol=1e-6)  # bits
    assert result.explanation.prediction.text.strip() == OUTPUT
    fields = {token.explanation.features[cue].field for token in result.tokens for cue in token.cues}
    assert fields == {"source", "prefix"}
    assert result.without == predict(replace(request, inputs={"source": CURRENT}), bundle=translator)


def test_the_output_of_the_context_is_generated_if_it_is_not_given(translator):
    request = Request("translation", "tiny", {"source": CURRENT, "target": OUTPUT}, params={"most_new_tokens": 4})
    result = trace_context(ContextRequest(request, CONTEXT, output_template="({context}) {current}"), bundle=translator)
    own = predict(replace(request, inputs={"source": CONTEXT}), bundle=translator).text.strip()
    assert result.explanation.request.texts["prefix"] == f"({own})"


@pytest.mark.parametrize("template", ["{context} {current}.", "{current} {context}", "{context}"])
def test_an_output_template_that_does_not_end_with_the_current_text_is_refused(template):
    with pytest.raises(BadRequest, match=r"must end with \{current\}"):
        add_context(make_request(output_template=template))


def test_a_model_may_generate_nothing_without_the_context():
    ends = Bundle.of(*make_loaded("marian", task="translation"))
    request = Request("translation", "tiny", {"source": CURRENT, "target": OUTPUT})
    with pytest.raises(NothingGenerated):
        predict(replace(request, inputs={"source": CURRENT}), bundle=ends)
    assert trace_context(ContextRequest(request, CONTEXT), bundle=ends).without.text == ""


def test_nothing_is_above_very_high_thresholds(bundle):
    assert trace_context(make_request(deviations=50.0), bundle=bundle).tokens == ()
    (first, *_) = trace_context(make_request(cue_deviations=50.0, most=1), bundle=bundle).tokens
    assert first.cues == ()


def test_all_explanations_together_have_the_time_limit_of_one(bundle, monkeypatch):
    monkeypatch.setattr("explainers.analyses.context_reliance.start_run", lambda progress: Run(deadline=0.0))
    with pytest.raises(Overdue):
        trace_context(make_request(), bundle=bundle)
