"""A caller's model is left as it was by every verb, whether it ends well or not, and has one lock."""

import copy
import threading
from functools import partial

import pytest
import torch
from peft import LoraConfig, get_peft_model

from explainers import Bundle, ExplainerError, Request, attack, evaluate, explain, predict
from explainers.analyses.attention_heads import HeadsRequest, read_heads
from explainers.models.sharing import find_lock, hold_frozen
from tests.support.generation_models import request_of, task_of
from tests.support.image_models import PHOTO
from tests.support.owned_models import Left, make_trainable, read_state
from tests.support.quick import choose_quick_settings
from tests.support.sentences import SENTENCES
from tests.support.tiny import IMAGES, tiny

TEXT = SENTENCES[0]


def request(kind, method="integrated_gradients", **params):
    params |= choose_quick_settings(method)
    if kind in IMAGES:
        return Request("image_classification", "x", {"image": PHOTO}, method, params=params)
    return Request("text_classification", "x", {"text": TEXT}, method, params=params)


def evaluate_explanation(model, reader):
    explanation = explain(request("bert", "saliency"), bundle=Bundle.of(copy.deepcopy(model), reader))
    evaluate(explanation, bundle=Bundle.of(model, reader))


VERBS = {
    "explain": lambda model, reader: explain(request("bert"), bundle=Bundle.of(model, reader)),
    "rollout": lambda model, reader: explain(request("bert", "attention_rollout"), bundle=Bundle.of(model, reader)),
    "predict": lambda model, reader: predict(request("bert"), bundle=Bundle.of(model, reader)),
    "attack": lambda model, reader: attack("input_reduction", request("bert"), bundle=Bundle.of(model, reader)),
    "evaluate": evaluate_explanation,
    "probe": lambda model, reader: Bundle.of(model, reader).capability,
}


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_leaves_the_model_of_its_caller_as_it_was(verb):
    model, reader = make_trainable("bert", "eager")
    before = read_state(model)
    VERBS[verb](model, reader)
    assert read_state(model) == before


@pytest.mark.parametrize("kind", ["bart", "vit", "resnet"])
def test_models_of_other_kinds_are_left_as_they_were(kind):
    model, reader = make_trainable(kind, "eager" if kind == "resnet" else "sdpa")
    before = read_state(model)
    explain(request(kind), bundle=Bundle.of(model, reader))
    assert read_state(model) == before


@pytest.mark.parametrize("kind", ["gpt2", "bart"])
def test_a_model_that_generates_and_its_settings_are_left_as_they_were(kind):
    original, reader = tiny(kind, task=task_of(kind))
    model = copy.deepcopy(original).requires_grad_(True).train()
    model.set_attn_implementation("eager")
    before = read_state(model)
    bundle = Bundle.of(model, reader)
    read_heads(HeadsRequest(request_of(kind, ""), 0), bundle=bundle)
    explain(request_of(kind, params={"unit": "dropout_spread", "dropout_samples": 2}), bundle=bundle)
    assert read_state(model) == before


@pytest.mark.parametrize("passes", [1, 2])
def test_a_cancelled_run_leaves_the_model_as_it_was(passes):
    model, reader = make_trainable("bert")
    bundle, before, told = Bundle.of(model, reader), read_state(model), []

    def leave(what, share):
        told.append(what)
        if len(told) == passes:
            raise Left

    with pytest.raises(Left):
        explain(request("bert"), bundle=bundle, batch=1, progress=leave)
    assert read_state(model) == before
    assert not bundle.lock.locked()


@pytest.mark.parametrize("text", [TEXT, ""])
def test_a_failing_run_leaves_the_model_as_it_was(text):
    model, reader = make_trainable("bert", "sdpa")
    before = read_state(model)
    with pytest.raises(ExplainerError):
        explain(
            Request("text_classification", "x", {"text": text}, "attention_rollout"), bundle=Bundle.of(model, reader)
        )
    assert read_state(model) == before


def test_a_model_in_training_mode_is_explained_as_in_evaluation_mode_and_trains_on():
    model, reader = make_trainable("bert")
    model.train()
    bundle = Bundle.of(model, reader)
    loss = model(**reader(TEXT, return_tensors="pt"), labels=torch.tensor([1])).loss
    found = explain(request("bert"), bundle=bundle)
    expected = explain(request("bert"), bundle=Bundle.of(*tiny("bert")))
    assert (found.scores == expected.scores).all()
    assert found.prediction == expected.prediction
    assert "training mode" in " ".join(found.notices)
    loss.backward()  # of a pass before the explanation
    model(**reader(TEXT, return_tensors="pt"), labels=torch.tensor([1])).loss.backward()
    assert all(module.training for module in model.modules())


def test_bundles_of_one_model_share_its_lock_and_copies_have_their_own():
    model, reader = make_trainable("bert")
    lock = Bundle.of(model, reader).lock
    assert Bundle.of(model, reader).lock is lock
    assert find_lock(torch.nn.Sequential(model)) is lock
    assert find_lock(copy.deepcopy(model)) is not lock
    assert find_lock(torch.nn.Identity()) is not find_lock(torch.nn.Identity())


class Headed(torch.nn.Module):
    """A wrapper whose own layer comes before the model."""

    def __init__(self, model):
        super().__init__()
        self.head, self.model = torch.nn.Linear(2, 2), model


def adapt(model):
    return get_peft_model(model, LoraConfig(target_modules=["query", "word_embeddings"]))


@pytest.mark.parametrize("wrap", [torch.nn.DataParallel, Headed, adapt])
def test_a_wrapper_of_a_model_shares_its_lock_whichever_asks_first(wrap):
    model = make_trainable("bert")[0].requires_grad_(False)
    lock = find_lock(model)
    assert find_lock(wrap(model)) is lock
    other = make_trainable("bert")[0]
    lock = find_lock(wrap(other))
    assert find_lock(other) is lock
    assert find_lock(other.bert) is lock


def test_threads_with_a_bundle_each_of_one_model_give_its_scores():
    model, reader = make_trainable("bert")
    expected = [explain(request("bert", "saliency"), bundle=Bundle.of(*tiny("bert"))).scores] * 6
    found = []

    def once():
        found.append(explain(request("bert", "saliency"), bundle=Bundle.of(model, reader)).scores)

    threads = [threading.Thread(target=once) for _ in expected]
    for act in (threading.Thread.start, partial(threading.Thread.join, timeout=60)):
        for thread in threads:
            act(thread)
    assert [scores.tolist() for scores in found] == [scores.tolist() for scores in expected]


def test_weights_made_in_inference_mode_are_restored_too():
    with torch.inference_mode():
        model = torch.nn.Linear(2, 2)
    with hold_frozen(model):
        assert not any(weight.requires_grad for weight in model.parameters())
    assert all(weight.requires_grad for weight in model.parameters())
