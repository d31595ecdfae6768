"""The tokens, classes and scores of entities, from logits without a model."""

import numpy as np
import pytest
import torch

from explainers.errors import BadRequest
from explainers.results.explanation import Feature
from explainers.tasks._entity_spans import TokenLogits, score_entity, strip_prefix

NAMES = ("B-PER", "I-PER", "O", "B-LOC", "I-LOC")


def make_logits(text, names, classes):
    """Return logits of one token a word, each almost certain of its class."""
    spans = [(text.index(word), text.index(word) + len(word)) for word in text.split()]
    tokens = [Feature(text[a:b], "text", a, b, i) for i, (a, b) in enumerate(spans)]
    logits = torch.full((1, len(tokens), len(names)), -5.0)
    logits[0, range(len(tokens)), [names.index(name) for name in classes]] = 5.0
    return TokenLogits(text, tokens, logits, tuple(names))


def find_entities(classes, grouping="entity", names=NAMES, **more):
    text = " ".join("abcdefgh"[: len(classes)])
    return [(entity.label, entity.text) for entity in make_logits(text, names, classes).find_entities(grouping, **more)]


def test_neighbours_of_one_class_are_one_entity_unless_the_second_begins_a_new_one():
    assert find_entities(["B-PER", "I-PER", "O", "B-LOC"]) == [("PER", "a b"), ("LOC", "d")]
    assert find_entities(["B-PER", "B-PER", "I-PER"]) == [("PER", "a"), ("PER", "b c")]
    assert find_entities(["I-PER", "I-LOC", "I-LOC"]) == [("PER", "a"), ("LOC", "b c")]
    assert find_entities(["PER", "PER", "O", "PER"], names=("PER", "O")) == [("PER", "a b"), ("PER", "d")]
    assert find_entities(["B-PER", "I-PER"], "word") == [("B-PER", "a"), ("I-PER", "b")]


def test_ignored_classes_and_tokens_are_left_out_and_join_nothing():
    classes = ["B-PER", "I-PER", "I-PER", "O", "B-LOC"]
    assert find_entities(classes, ignored_indexes=[1]) == [("PER", "a"), ("PER", "c"), ("LOC", "e")]
    assert find_entities(classes, ignored_labels=["O", "loc"]) == [("PER", "a b c")]
    assert find_entities(classes, "word", ignored_labels=["O", "I-PER"]) == [("B-PER", "a"), ("B-LOC", "e")]
    assert find_entities(classes, ignored_labels=[]) == [("PER", "a b c"), ("O", "d"), ("LOC", "e")]


def test_an_entity_with_another_class_keeps_its_beginning_and_continuing_prefixes():
    logits = make_logits("a b c", NAMES, ["B-PER", "I-PER", "O"])
    (entity,) = logits.find_entities("entity")
    for name, classes in {
        "LOC": ("B-LOC", "I-LOC"),
        "b-loc": ("B-LOC", "I-LOC"),
        "I-LOC": ("I-LOC", "I-LOC"),
        "O": ("O", "O"),
    }.items():
        assert tuple(NAMES[i] for i in logits.change_class(entity, name).classes) == classes
    assert tuple(NAMES[i] for i in logits.change_class(logits.make_token_entity(2), "PER").classes) == ("B-PER",)
    with pytest.raises(BadRequest, match="no class 'ORG'"):
        logits.change_class(entity, "ORG")


def test_the_score_of_an_entity_is_that_of_its_mean_probability():
    logits = torch.randn(2, 4, 5, generator=torch.Generator().manual_seed(1))
    mean = logits.softmax(-1)[:, [1, 2], [0, 3]].mean(1)
    torch.testing.assert_close(score_entity(logits, (1, 2), (0, 3), "probability"), mean)
    torch.testing.assert_close(score_entity(logits, (1, 2), (0, 3), "log_odds"), (mean / (1 - mean)).log())
    torch.testing.assert_close(score_entity(logits, (1, 2), (0, 3), "logit"), logits[:, [1, 2], [0, 3]].mean(1))
    certain = torch.tensor([[[90.0, 0.0, 0.0]]])
    assert float(score_entity(certain, (0,), (0,), "log_odds")) == pytest.approx(90 - np.log(2))


def test_only_the_prefix_of_a_class_is_stripped():
    names = ("B-PER", "I-PER", "S-PER", "PER", "O", "B-", "work-of-art", "LABEL_0")
    assert [strip_prefix(name) for name in names] == ["PER", "PER", "PER", "PER", "O", "B-", "work-of-art", "LABEL_0"]
