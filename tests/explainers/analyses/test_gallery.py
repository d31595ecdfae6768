"""Every claim of the gallery is true for the result that its link leads to."""

import numpy as np
import pytest

from explainers import CARDS, TASKS, Request, explain, predict
from explainers.analyses.gallery import GALLERY
from explainers.request import pack
from explainers.results.granularity import Grouping, aggregate
from explainers.visualization.text.escape import strip_markup
from explainers.visualization.text.quote import render_quotation
from explainers.visualization.text.segments import rank_segments

COLOSSEUM, ANSWER = "Where the Colosseum is, and why not Paris", "An answer out of its instructions"
FOILS = {"He is pregnant": "She", COLOSSEUM: " Paris"}


def open_link(request):
    """Return the request that its link opens."""
    return Request.from_query(pack(request.to_query()))


def predict_text(task, model, inputs):
    params = {"most_new_tokens": 7} if task in ("text_generation", "translation") else {}
    prediction = predict(Request(task, model, inputs, params=params))
    return prediction.text.strip() or (prediction.targets[0].label if prediction.targets else "")


@pytest.mark.parametrize("item", GALLERY, ids=lambda item: item.title)
def test_the_link_of_a_gallery_item_shows_what_it_claims(item):
    claim, explanation = item.claim, explain(open_link(item.request))
    assert (explanation.prediction.text or explanation.targets[0].label).strip().startswith(claim.prediction)
    assert explanation.targets[0].probability >= claim.probability
    assert explanation.targets[0].foil == FOILS.get(item.title)
    assert not claim.token or [target.label for target in explanation.targets] == [claim.token]
    assert rank_segments(explanation.by_word(), 0)[0].text == claim.strongest
    task, model = item.request.task, item.request.model
    for inputs in claim.same:
        assert predict_text(task, model, inputs).startswith(claim.prediction)
    others = [predict_text(task, model, inputs) for inputs in claim.different]
    assert all(claim.other_prediction in other and not other.startswith(claim.prediction) for other in others)
    assert claim.other_prediction in item.text


def test_the_answer_out_of_the_instructions_is_attributed_to_the_sentence_that_gives_it():
    item = next(item for item in GALLERY if item.title == ANSWER)
    explanation = aggregate(explain(item.request), Grouping("sentence"))
    best = max(range(len(explanation.features)), key=lambda i: np.nan_to_num(explanation.scores[0, i]))
    assert explanation.features[best].field == "system"
    assert explanation.features[best].text.strip() == "The museum is closed on Monday."


@pytest.mark.parametrize("item", GALLERY, ids=lambda item: item.title)
def test_a_gallery_item_has_two_sentences_about_a_bundled_model(item):
    assert CARDS[item.request.model].source == "bundled"
    assert item.request.task in TASKS
    quoted = item.text
    for inputs in (dict(item.request.inputs), *item.claim.same, *item.claim.different):
        for text in inputs.values():
            quoted = quoted.replace(f"“{text}”", "it")
    assert quoted.count(". ") + quoted.endswith(".") + quoted.count("? ") == 2


def test_a_quoted_text_shows_as_text_with_its_word_marked_once():
    hostile = ["in <b>bing in", "in"]
    shown = render_quotation(hostile, "in")
    assert strip_markup(shown) == "in <b>bing in\nin"
    assert shown.count("<mark>in</mark>") == 1
    assert "<b>" not in shown
    assert "<mark>" not in render_quotation(["binging"], "in")
