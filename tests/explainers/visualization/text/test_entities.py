"""A text with its entities marked."""

import re
from dataclasses import replace

import pytest

from explainers import Bundle, Request, Target, explain
from explainers.results.explanation import Prediction
from explainers.visualization.palette import AWAY, ENTITY_COLOURS, TOWARDS
from explainers.visualization.summaries.classification import describe_explanation
from explainers.visualization.text.entities import CSS, Part, split_entities
from explainers.visualization.text.escape import HIDDEN
from explainers.visualization.text.spans import name_direction
from tests.explainers.tasks.test_token_classification import asked, named
from tests.support.explanations import EVIL, ParsedHtml, make_explanation
from tests.support.sentences import HOSTILE


def explain_entities(text, *entities, explained=2):
    """Return an explanation of the first `explained` entities, each a label, a token and its text."""
    targets = tuple(Target(label, 0, token, None, 0.9, words) for label, token, words in entities)
    explanation = make_explanation(text, [0.5] * len(text.split()))
    return replace(
        explanation,
        targets=targets[:explained],
        prediction=Prediction(targets),
        scores=explanation.scores.repeat(min(explained, len(targets)), 0),
        values=explanation.values.repeat(min(explained, len(targets))),
        baselines=None,
        converged=None,
    )


THREE = (("PER", 0, "Clara Weiss"), ("LOC", 3, "Vienna"), ("PER", 5, "Otto"))


def test_the_text_is_complete_and_each_entity_has_its_label_colour_and_row():
    found = split_entities(explain_entities("Clara Weiss saw Vienna with Otto today", *THREE))
    assert found == [
        Part("Clara Weiss", "PER", 0, 0),
        Part(" saw "),
        Part("Vienna", "LOC", 1, 1),
        Part(" with "),
        Part("Otto", "PER", 0, None),  # said, and not explained
        Part(" today"),
    ]


def test_other_tasks_have_no_entities():
    assert split_entities(make_explanation("one two", (0.1, 0.2))) == []
    answered = explain_entities("Clara Weiss saw Vienna with Otto", *THREE)
    assert split_entities(replace(answered, prediction=Prediction(answered.targets, "Vienna"))) == []
    with_special = replace(answered, targets=(Target("PER", position=99, text="[SEP]"),) * 2, prediction=Prediction(()))
    assert split_entities(with_special) == []


@pytest.mark.parametrize("name", list(HOSTILE))
@pytest.mark.parametrize("grouping", ["entity", "token"])
def test_hostile_texts_stay_complete(name, grouping):
    bundle = Bundle.of(*named("roberta", ("B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG")))
    found = explain(asked(HOSTILE[name], grouping=grouping), bundle=bundle)
    whole = HIDDEN.sub(lambda match: f"[{ord(match.group()):04X}]", HOSTILE[name])
    assert "".join(piece.text for piece in split_entities(found)) == whole
    assert not any(HIDDEN.search(piece.text) for piece in split_entities(found))
    rows = [piece.row for piece in split_entities(found) if piece.row is not None]
    assert rows == sorted(set(rows))


def test_entity_colours_differ_from_score_colours_and_repeat():
    assert len(set(ENTITY_COLOURS)) == len(ENTITY_COLOURS) == 6
    scores = {tuple(int(shade[i : i + 2], 16) for i in (1, 3, 5)) for shade in (*TOWARDS.values(), *AWAY.values())}
    lines = {tuple(map(int, re.findall(r"\d+", line))) for _, line in ENTITY_COLOURS}
    assert not scores & lines
    assert all(f".wf-k{i} " in CSS for i in range(6))
    many = tuple((f"KIND{i}", i, f"w{i}") for i in range(8))
    found = split_entities(explain_entities(" ".join(f"w{i}" for i in range(8)), *many, explained=8))
    assert [piece.hue for piece in found if piece.label] == [0, 1, 2, 3, 4, 5, 0, 1]


def test_the_summary_names_the_text_and_its_label():
    found = explain_entities("Clara Weiss saw Vienna with Otto", *THREE)
    assert "The model labels Vienna as LOC (90 %)." in ParsedHtml(describe_explanation(found, 1)).text()
    assert name_direction(found, 1) == "“Vienna” as LOC"
    other = replace(found, targets=(Target("ORG", 5, 3, "LOC", 0.02, "Vienna"),) * 2)
    said = ParsedHtml(describe_explanation(other, 0)).text()
    assert said.startswith("This explains Vienna as ORG (2 %) rather than LOC:")
    assert name_direction(other, 0) == "“Vienna” as ORG rather than LOC"


@pytest.mark.parametrize("evil", EVIL)
def test_words_and_labels_are_escaped(evil):
    found = explain_entities("Clara Weiss saw", (evil, 0, evil), (evil, 2, evil))
    said = describe_explanation(found, 0)
    assert not {"img", "script", "style"} & {tag for tag, _ in ParsedHtml(said).elements}
    assert "\u202e" not in said


def test_the_summary_of_an_answer_names_the_explained_token():
    request = Request("question_answering", "m", {"question": "who saw", "context": "Clara"})
    explanation = make_explanation("Clara saw", (0.4, -0.3))
    target = Target("start", None, 3, "Otto", 0.5, "Clara")
    answered = replace(
        explanation,
        request=replace(request, inputs=explanation.request.inputs),
        targets=(target,),
        prediction=Prediction((Target("Otto", probability=0.6),), "Otto"),
    )
    said = ParsedHtml(describe_explanation(answered, 0)).text()
    assert "The model answers Otto (60 %). This explains Clara as start (50 %) rather than Otto:" in said
