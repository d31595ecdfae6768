"""The classes that are explained are those of the head, whatever its config names."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from torch import nn

from explainers import Bundle, Request, Target, attack, explain, predict
from explainers.classic import MultiLabelClassificationExplainer, SequenceClassificationExplainer
from explainers.errors import BadRequest, Incompatible
from explainers.export import from_json, to_csv, to_json
from explainers.models.loading import read_labels
from tests.support.nli import NLI
from tests.support.tiny import tiny

TEXT = "the cast is wonderful and the soup cold"


def renamed(labels: object, task: str | None = None) -> tuple:
    model, tokenizer = tiny("bert", task=task)
    model = deepcopy(model)
    model.config.id2label = labels
    return model, tokenizer


def with_head(count: int, labels: object = None) -> tuple:
    """A model with an exchanged head that predicts its last class, whose config still names three classes."""
    model, tokenizer = renamed(labels or {i: f"LABEL_{i}" for i in range(3)})
    model.classifier = nn.Linear(32, count)
    model.classifier.bias.data[-1] = 20.0
    return model.eval(), tokenizer


def asked(target: object = None, method: str = "saliency", task: str = "text_classification", **params: object):
    return Request(task, "x", {"text": TEXT}, method, target, params)


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({"0": "a", "1": "b", "2": "c"}, ("a", "b", "c")),
        (["a", "b", "c"], ("a", "b", "c")),
        (None, ("LABEL_0", "LABEL_1", "LABEL_2")),
        ({0: 0, 1: 1, 2: 2}, ("0", "1", "2")),
        ({0: 0.0, 1: 0.5, 2: 1.0}, ("0.0", "0.5", "1.0")),
        ({0: "a", 1: None, 2: ""}, ("a", "LABEL_1", "LABEL_2")),
        ({2: "c", np.int64(0): "a"}, ("a", "LABEL_1", "c")),
        ({"a": 0, "b": 1, "c": 2}, ("LABEL_0", "LABEL_1", "LABEL_2")),
        ({i: f"class {i}" for i in range(9)}, ("class 0", "class 1", "class 2")),
    ],
    ids=str,
)
def test_every_class_has_a_text_for_a_name(given, names):
    held = Bundle.of(*renamed(given))
    explanation = explain(asked(), bundle=held)
    assert held.labels == names
    assert {target.index: target.label for target in explanation.prediction.targets} == dict(enumerate(names))
    assert from_json(to_json(explanation)) == explanation
    assert explanation.targets[0].label in to_csv(explanation)
    for index, name in enumerate(names):
        assert explain(asked(name), bundle=held).targets[0].index == index


def test_token_classes_have_a_text_for_a_name():
    model, tokenizer = renamed({0: 0, 1: 1.0, 2: None}, task="token_classification")
    found = predict(asked(task="token_classification", grouping="token"), bundle=Bundle.of(model, tokenizer))
    assert {target.label for target in found.targets} <= {"0", "1.0", "LABEL_2"}


@pytest.mark.parametrize("count", [2, 6])
def test_a_head_of_another_width_than_its_labels_is_explained_as_the_model_says(count):
    model, tokenizer = with_head(count)
    held = Bundle.of(model, tokenizer)
    with torch.no_grad():
        right = model(**tokenizer(TEXT, return_tensors="pt")).logits[0].softmax(0)
    explanation = explain(asked(), bundle=held)
    assert explanation.targets[0].index == count - 1 == int(right.argmax())
    np.testing.assert_allclose(explanation.values, [float(right.max())], atol=1e-6)
    said = {target.index: target.probability for target in explanation.prediction.targets}
    np.testing.assert_allclose([said[i] for i in range(count)], right, atol=1e-6)
    with pytest.raises(BadRequest, match=f"'{count}'"):
        explain(asked(count), bundle=held)


def test_the_classes_know_every_class_of_a_wide_head():
    model, tokenizer = with_head(6)
    explainer = SequenceClassificationExplainer(model, tokenizer)
    explainer(TEXT, class_name="LABEL_4", n_steps=2)
    assert (explainer.selected_index, explainer.predicted_class_name) == (4, "LABEL_5")
    named = SequenceClassificationExplainer(model, tokenizer, custom_labels=np.array(list("abcdef")))
    named(TEXT, class_name="e", n_steps=np.int64(2))
    assert (named.selected_index, named.predicted_class_name) == (4, "f")
    with pytest.raises(ValueError, match="3 labels were given for a model with 6 classes"):
        SequenceClassificationExplainer(model, tokenizer, custom_labels=["a", "b", "c"])
    several = MultiLabelClassificationExplainer(model, tokenizer)
    assert list(several(TEXT, n_steps=2)) == [f"LABEL_{i}" for i in range(6)]
    assert len(several.pred_probs_list) == 6


def test_classes_of_the_same_name_are_told_apart_by_their_index():
    model, tokenizer = renamed({0: "crane", 1: "crane", 2: "gull"})
    held = Bundle.of(model, tokenizer)
    assert explain(asked(1), bundle=held).targets[0].index == 1
    with pytest.raises(BadRequest, match=r"Several classes have the name 'crane'.*0, 1"):
        explain(asked("crane"), bundle=held)
    with pytest.raises(BadRequest, match=r"Several classes have the name 'CRANE'.*0, 1"):
        explain(asked(Target(index=2, foil="CRANE")), bundle=held)
    with pytest.raises(ValueError, match=r"Several classes have the name 'crane'.*0, 1"):
        SequenceClassificationExplainer(model, tokenizer)(TEXT, class_name="crane")
    assert list(MultiLabelClassificationExplainer(model, tokenizer)(TEXT, n_steps=2)) == ["crane", "crane (2)", "gull"]


def test_zero_shot_takes_contradiction_from_the_head_and_refuses_an_entailment_that_it_lacks():
    request = Request("zero_shot_classification", "x", {"text": TEXT, "labels": "food, film"}, "saliency")
    model, tokenizer = with_head(2, dict(enumerate(reversed(NLI))))
    assert NLI.index("entailment") == 0
    with pytest.raises(Incompatible, match="head has 2 classes, so there is no class 2"):
        predict(request, bundle=Bundle.of(model, tokenizer))
    wide = Bundle.of(*with_head(5))
    several = Request(request.task, "x", request.inputs, "saliency", params={"entailment": 4, "multi_label": True})
    assert {t.label for t in predict(several, bundle=wide).targets} == {"food", "film"}


@pytest.mark.parametrize("towards", [np.int64, torch.tensor, float, np.array])
def test_an_attack_reaches_a_class_that_is_given_by_its_index(towards):
    held = Bundle.of(*tiny("bert"))
    first, other = predict(asked(), bundle=held).targets[:2]
    found = attack("hotflip", asked(), target=towards(other.index), bundle=held)
    named = attack("hotflip", asked(), target=other.label, bundle=held)
    assert (found.success, found.trajectory) == (named.success, named.trajectory)
    assert found.wanted.label == other.label != first.label
    with pytest.raises(BadRequest, match="no label '7'"):
        attack("hotflip", asked(), target=towards(7), bundle=held)


def test_an_attack_on_a_masked_word_and_on_an_entity_reaches_an_index():
    held = Bundle.of(*tiny("bert", task="fill_mask"))
    request = Request("fill_mask", "x", {"text": "the soup is [MASK]"})
    other = predict(request, bundle=held).targets[1]
    settings = {"flips": 1, "tries": 2}
    by_index, by_label = (
        attack("hotflip", request, target=wanted, params=settings, bundle=held) for wanted in (other.index, other.label)
    )
    assert by_index.trajectory == by_label.trajectory
    assert by_index.wanted.label == other.label
    with pytest.raises(BadRequest, match="no token 99999"):
        attack("hotflip", request, target=99_999, bundle=held)
    named = Bundle.of(*tiny("bert", task="token_classification"))
    request = asked(task="token_classification", ignored_labels="")
    own = max(predict(request, bundle=named).targets, key=lambda target: target.probability).index
    wanted = (own + 1) % 3
    by_index, by_label = (
        attack("hotflip", request, target=target, params=settings, bundle=named)
        for target in (wanted, f"LABEL_{wanted}")
    )
    assert by_index.trajectory == by_label.trajectory


def test_an_answer_has_no_index():
    held = Bundle.of(*tiny("bert", task="question_answering"))
    request = Request("question_answering", "x", {"question": "what is cold?", "context": TEXT})
    with pytest.raises(BadRequest, match="by its words, not by a number"):
        attack("hotflip", request, target=2, bundle=held)


def test_a_mapping_of_labels_says_how_many_there_are_if_the_head_is_not_asked():
    assert read_labels(renamed({"0": "a", "3": "d"})[0]) == ("a", "LABEL_1", "LABEL_2", "d")
    assert read_labels(renamed(None)[0]) == ()
