"""What depends on a context: thresholds by their formula, templates, and the very numbers of single explanations."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from explainers import Bundle, Request, Target, explain, predict
from explainers.analyses.context_reliance import (
    ContextQuestion,
    add_context,
    compute_threshold,
    fill_template,
    split_context,
    trace_context,
)
from explainers.errors import BadRequest, NothingGenerated, Overdue
from explainers.progress import Run
from tests.support.hub import as_loaded

CONTEXT, CURRENT, WRITTEN = "a wonderful cast and a clever story.", "the soup was", "cold and the waiter was rude"


@pytest.fixture(scope="module")
def bundle():
    return Bundle.of(*as_loaded("llama", task="text_generation"))


@pytest.fixture(scope="module")
def translator():
    return Bundle.of(*as_loaded("bart", task="translation"))


def question(**changes):
    request = Request("text_generation", "tiny", {"prompt": CURRENT, "continuation": WRITTEN}, "saliency")
    return ContextQuestion(**{"request": request, "context": CONTEXT} | changes)


def test_the_threshold_is_the_mean_plus_so_many_standard_deviations():
    values = np.array([1.0, 2.0, 3.0, 6.0])
    assert compute_threshold(values, 0) == 3
    assert compute_threshold(values, 2) == pytest.approx(3 + 2 * np.sqrt(3.5))
    assert compute_threshold(np.array([]), 1) == 0


def test_a_template_puts_both_texts_in_their_places_and_one_without_a_part_is_refused():
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
    request, place = add_context(question(template=""))
    assert (request.texts["system"], request.texts["without_context"]) == (CONTEXT, CURRENT)
    assert place == (("system", 0, len(CONTEXT)),)


@pytest.mark.parametrize(("context", "prompt"), [("  ", CURRENT), (CONTEXT, " ")])
def test_a_missing_text_is_told(context, prompt):
    request = Request("text_generation", "tiny", {"prompt": prompt})
    with pytest.raises(BadRequest, match="is empty"):
        add_context(ContextQuestion(request, context))


def test_tokens_depend_on_the_context_by_their_divergence_and_come_from_it_alone(bundle):
    found = trace_context(question(), bundle=bundle)
    whole = Request(
        "text_generation",
        "tiny",
        {"prompt": f"{CONTEXT} {CURRENT}", "continuation": WRITTEN, "without_context": CURRENT},
        "saliency",
    )
    values = np.array(dict(explain(whole, bundle=bundle).steps)["kl_divergence"])
    assert_allclose(found.values, values, rtol=1e-5)
    assert found.threshold == pytest.approx(values.mean() + values.std(), rel=1e-5)
    assert [cue.row for cue in found.cues] == [row for row in range(len(values)) if values[row] >= found.threshold]
    assert 0 < len(found.cues) < len(values)
    likely = predict(Request("text_generation", "tiny", {"prompt": CURRENT, "continuation": WRITTEN}), bundle=bundle)
    for cue in found.cues:
        best = likely.alternatives[cue.row][0]
        assert cue.instead == (best.label if best.index != likely.targets[cue.row].index else None)
        foil = Target(foil=cue.instead)
        unit = "probability" if cue.instead else "kl_divergence"
        asked = replace(whole, target=foil, params={"start": cue.row + 1, "end": cue.row + 1, "unit": unit})
        assert_allclose(cue.explanation.scores, explain(asked, bundle=bundle).scores)
        placed = [(i, f) for i, f in enumerate(cue.explanation.features) if f.field == "prompt" and f.end is not None]
        inside = [i for i, f in placed if f.end <= len(CONTEXT)]
        sizes = np.abs(cue.explanation.scores[0])
        least = compute_threshold(sizes[inside], 1)
        expected = sorted((i for i in inside if sizes[i] >= least), key=lambda i: -sizes[i])
        assert list(cue.places) == expected


def test_the_text_without_the_context_is_what_the_model_writes_without_it(bundle):
    free = replace(question().request, inputs={"prompt": CURRENT}, params={"most_new_tokens": 5})
    found = trace_context(question(request=free), bundle=bundle)
    assert found.without == predict(free, bundle=bundle)
    said = predict(add_context(question(request=free))[0], bundle=bundle).text
    assert found.explanation.prediction.text.strip() == said.strip()


def test_what_is_written_may_begin_with_the_context_where_there_is_one_and_may_come_from_it(translator):
    """As translators of whole documents write: the context, then the text in question, which alone is compared."""
    request = Request("translation", "tiny", {"source": CURRENT, "target": WRITTEN}, "saliency")
    asked = ContextQuestion(
        request, CONTEXT, output_template="{context} {current}", output_context="the cast was clever."
    )
    found = trace_context(replace(asked, cue_deviations=-1.0, deviations=0.0), bundle=translator)
    both = Request(
        "translation",
        "tiny",
        {"source": f"{CONTEXT} {CURRENT}", "target": WRITTEN, "prefix": "the cast was clever."},
        "saliency",
    )
    shares = [
        explain(replace(request, inputs=inputs, params={"unit": "log_probability"}), bundle=translator).values
        for inputs in (both.inputs, request.inputs)
    ]
    p_cxmi = dict(found.explanation.steps)["p_cxmi"]
    assert_allclose(p_cxmi, (shares[0] - shares[1]) / np.log(2), rtol=1e-4, atol=1e-6)  # bits
    assert found.explanation.prediction.text.strip() == WRITTEN
    fields = {cue.explanation.features[place].field for cue in found.cues for place in cue.places}
    assert fields == {"source", "prefix"}
    assert found.without == predict(replace(request, inputs={"source": CURRENT}), bundle=translator)


def test_the_output_of_the_context_is_written_by_the_model_if_nobody_gives_it(translator):
    request = Request("translation", "tiny", {"source": CURRENT, "target": WRITTEN}, params={"most_new_tokens": 4})
    found = trace_context(ContextQuestion(request, CONTEXT, output_template="({context}) {current}"), bundle=translator)
    own = predict(replace(request, inputs={"source": CONTEXT}), bundle=translator).text.strip()
    assert found.explanation.request.texts["prefix"] == f"({own})"


@pytest.mark.parametrize("template", ["{context} {current}.", "{current} {context}", "{context}"])
def test_an_output_template_that_does_not_end_with_the_text_is_refused(template):
    with pytest.raises(BadRequest, match=r"must end with \{current\}"):
        add_context(question(output_template=template))


def test_a_model_that_writes_nothing_without_the_context_is_no_fault():
    ends = Bundle.of(*as_loaded("marian", task="translation"))
    request = Request("translation", "tiny", {"source": CURRENT, "target": WRITTEN})
    with pytest.raises(NothingGenerated):
        predict(replace(request, inputs={"source": CURRENT}), bundle=ends)
    assert trace_context(ContextQuestion(request, CONTEXT), bundle=ends).without.text == ""


def test_with_thresholds_out_of_reach_nothing_depends_on_anything(bundle):
    assert trace_context(question(deviations=50.0), bundle=bundle).cues == ()
    (first, *_) = trace_context(question(cue_deviations=50.0, most=1), bundle=bundle).cues
    assert first.places == ()


def test_all_its_explanations_together_have_the_time_of_one(bundle, monkeypatch):
    monkeypatch.setattr("explainers.analyses.context_reliance.start_run", lambda progress: Run(deadline=0.0))
    with pytest.raises(Overdue):
        trace_context(question(), bundle=bundle)
