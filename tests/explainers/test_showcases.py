"""Every showcase is true: its link leads to a result that its claim holds for."""

import pytest

from explainers import CARDS, TASKS, Request, explain, predict
from explainers.links import packed
from explainers.showcases import SHOWCASES
from explainers.views.quote import quote
from explainers.views.segments import ranked
from explainers.views.text import bare


def opened(request):
    """The request that somebody gets who opens its link."""
    return Request.from_query(packed(request.to_query()))


def said(task, model, inputs):
    found = predict(Request(task, model, inputs))
    return found.text or (found.targets[0].label if found.targets else "")


@pytest.mark.parametrize("showcase", SHOWCASES, ids=lambda showcase: showcase.title)
def test_the_link_of_a_showcase_shows_what_it_claims(showcase):
    claim, found = showcase.claim, explain(opened(showcase.request))
    assert (found.prediction.text or found.targets[0].label) == claim.says
    assert found.targets[0].probability >= claim.surely
    assert ranked(found.by_word(), 0)[0].text == claim.strongest
    task, model = showcase.request.task, showcase.request.model
    assert {said(task, model, inputs) for inputs in claim.same} <= {claim.says}
    others = {said(task, model, inputs) for inputs in claim.else_}
    assert others <= {claim.instead} if claim.instead else claim.says not in others
    assert not claim.instead or claim.says != claim.instead in showcase.said


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
    assert bare(shown) == "in <b>bing in\nin"
    assert shown.count("<mark>in</mark>") == 1
    assert "<b>" not in shown
    assert "<mark>" not in quote(["binging"], "in")
