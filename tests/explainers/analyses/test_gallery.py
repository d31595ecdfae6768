"""Every showcase is true: its link leads to a result that its claim holds for."""

import numpy as np
import pytest

from explainers import CARDS, TASKS, Request, explain, predict
from explainers.analyses.gallery import SHOWCASES
from explainers.request import pack
from explainers.results.granularity import Grouping, aggregate
from explainers.visualization.text.escape import strip_markup
from explainers.visualization.text.quote import quote
from explainers.visualization.text.segments import rank_segments

COLOSSEUM, ANSWER = "Where the Colosseum is, and why not Paris", "An answer out of its instructions"
FOILS = {"He is pregnant": "She", COLOSSEUM: " Paris"}


def opened(request):
    """The request that somebody gets who opens its link."""
    return Request.from_query(pack(request.to_query()))


def said(task, model, inputs):
    params = {"most_new_tokens": 7} if task in ("text_generation", "translation") else {}
    found = predict(Request(task, model, inputs, params=params))
    return found.text.strip() or (found.targets[0].label if found.targets else "")


@pytest.mark.slow
@pytest.mark.parametrize("showcase", SHOWCASES, ids=lambda showcase: showcase.title)
def test_the_link_of_a_showcase_shows_what_it_claims(showcase):
    claim, found = showcase.claim, explain(opened(showcase.request))
    assert (found.prediction.text or found.targets[0].label).strip().startswith(claim.says)
    assert found.targets[0].probability >= claim.surely
    assert found.targets[0].foil == FOILS.get(showcase.title)
    assert not claim.told or [target.label for target in found.targets] == [claim.told]
    assert rank_segments(found.by_word(), 0)[0].text == claim.strongest
    task, model = showcase.request.task, showcase.request.model
    for inputs in claim.same:
        assert said(task, model, inputs).startswith(claim.says)
    others = [said(task, model, inputs) for inputs in claim.else_]
    assert all(claim.instead in other and not other.startswith(claim.says) for other in others)
    assert claim.instead in showcase.said


@pytest.mark.slow
def test_the_answer_out_of_its_instructions_comes_from_the_sentence_that_says_it():
    showcase = next(showcase for showcase in SHOWCASES if showcase.title == ANSWER)
    found = aggregate(explain(showcase.request), Grouping("sentence"))
    best = max(range(len(found.features)), key=lambda i: np.nan_to_num(found.scores[0, i]))
    assert found.features[best].field == "system"
    assert found.features[best].text.strip() == "The museum is closed on Monday."


@pytest.mark.parametrize("showcase", SHOWCASES, ids=lambda showcase: showcase.title)
def test_a_showcase_says_two_sentences_about_a_bundled_model(showcase):
    assert CARDS[showcase.request.model].source == "bundled"
    assert showcase.request.task in TASKS
    quoted = showcase.said
    for inputs in (dict(showcase.request.inputs), *showcase.claim.same, *showcase.claim.else_):
        for text in inputs.values():
            quoted = quoted.replace(f"“{text}”", "it")
    assert quoted.count(". ") + quoted.endswith(".") + quoted.count("? ") == 2


def test_a_quoted_text_shows_as_text_with_its_word_marked_once():
    hostile = ["in <b>bing in", "in"]
    shown = quote(hostile, "in")
    assert strip_markup(shown) == "in <b>bing in\nin"
    assert shown.count("<mark>in</mark>") == 1
    assert "<b>" not in shown
    assert "<mark>" not in quote(["binging"], "in")
