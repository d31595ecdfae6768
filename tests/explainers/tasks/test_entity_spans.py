"""Which tokens make an entity, what class they are asked about, and what number that has; on paper, without a model."""

import numpy as np
import pytest
import torch

from explainers.errors import BadRequest
from explainers.results.explanation import Feature
from explainers.tasks._entity_spans import TokenLogits, score_entity, strip_prefix

NAMES = ("B-PER", "I-PER", "O", "B-LOC", "I-LOC")


def scene(text, names, classes):
    """One token a word, each all but certain of its class."""
    spans = [(text.index(word), text.index(word) + len(word)) for word in text.split()]
    tokens = [Feature(text[a:b], "text", a, b, i) for i, (a, b) in enumerate(spans)]
    logits = torch.full((1, len(tokens), len(names)), -5.0)
    logits[0, range(len(tokens)), [names.index(name) for name in classes]] = 5.0
    return TokenLogits(text, tokens, logits, tuple(names))


def found_in(classes, grouping="entity", names=NAMES, **more):
    text = " ".join("abcdefgh"[: len(classes)])
    return [(entity.label, entity.text) for entity in scene(text, names, classes).entities(grouping, **more)]


def test_neighbours_of_one_class_are_one_entity_unless_the_second_begins_a_new_one():
    assert found_in(["B-PER", "I-PER", "O", "B-LOC"]) == [("PER", "a b"), ("LOC", "d")]
    assert found_in(["B-PER", "B-PER", "I-PER"]) == [("PER", "a"), ("PER", "b c")]
    assert found_in(["I-PER", "I-LOC", "I-LOC"]) == [("PER", "a"), ("LOC", "b c")]
    assert found_in(["PER", "PER", "O", "PER"], names=("PER", "O")) == [("PER", "a b"), ("PER", "d")]
    assert found_in(["B-PER", "I-PER"], "word") == [("B-PER", "a"), ("I-PER", "b")]


def test_classes_and_tokens_that_are_to_be_ignored_are_left_out_and_join_nothing():
    classes = ["B-PER", "I-PER", "I-PER", "O", "B-LOC"]
    assert found_in(classes, ignored_indexes=[1]) == [("PER", "a"), ("PER", "c"), ("LOC", "e")]
    assert found_in(classes, ignored_labels=["O", "loc"]) == [("PER", "a b c")]
    assert found_in(classes, "word", ignored_labels=["O", "I-PER"]) == [("B-PER", "a"), ("B-LOC", "e")]
    assert found_in(classes, ignored_labels=[]) == [("PER", "a b c"), ("O", "d"), ("LOC", "e")]


def test_an_entity_asked_about_another_class_keeps_who_begins_and_who_goes_on():
    view = scene("a b c", NAMES, ["B-PER", "I-PER", "O"])
    (entity,) = view.entities("entity")
    for name, classes in {
        "LOC": ("B-LOC", "I-LOC"),
        "b-loc": ("B-LOC", "I-LOC"),
        "I-LOC": ("I-LOC", "I-LOC"),
        "O": ("O", "O"),
    }.items():
        assert tuple(NAMES[i] for i in view.as_class(entity, name).classes) == classes
    assert tuple(NAMES[i] for i in view.as_class(view.alone(2), "PER").classes) == ("B-PER",)
    with pytest.raises(BadRequest, match="no class 'ORG'"):
        view.as_class(entity, "ORG")


def test_the_number_of_an_entity_is_that_of_its_mean_probability():
    logits = torch.randn(2, 4, 5, generator=torch.Generator().manual_seed(1))
    mean = logits.softmax(-1)[:, [1, 2], [0, 3]].mean(1)
    torch.testing.assert_close(score_entity(logits, (1, 2), (0, 3), "probability"), mean)
    torch.testing.assert_close(score_entity(logits, (1, 2), (0, 3), "log_odds"), (mean / (1 - mean)).log())
    torch.testing.assert_close(score_entity(logits, (1, 2), (0, 3), "logit"), logits[:, [1, 2], [0, 3]].mean(1))
    certain = torch.tensor([[[90.0, 0.0, 0.0]]])
    assert float(score_entity(certain, (0,), (0,), "log_odds")) == pytest.approx(90 - np.log(2))


def test_classes_are_bared_of_their_prefix_and_of_nothing_else():
    names = ("B-PER", "I-PER", "S-PER", "PER", "O", "B-", "work-of-art", "LABEL_0")
    assert [strip_prefix(name) for name in names] == ["PER", "PER", "PER", "PER", "O", "B-", "work-of-art", "LABEL_0"]
