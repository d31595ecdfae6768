"""Model randomisation: the order of the layers, the effect on explanations, and the shared model stays unchanged."""

import copy
import weakref

import pytest
import torch

from explainers import Bundle, Request
from explainers.analyses import model_randomization as module
from explainers.analyses.model_randomization import name_layer, pin_target, randomise_layer, randomise_model
from explainers.engine import explain
from explainers.errors import LimitReached
from explainers.inputs.text import WORD
from explainers.models.cache import ModelCache
from tests.support.nli import make_named
from tests.support.tiny import tiny

TEXT = "The soup was cold, the waiter was kind, and the view over the harbour was good."
REQUEST = Request("text_classification", "tiny", {"text": TEXT}, method="input_x_gradient")


@pytest.fixture(scope="module")
def bundle():
    model, tokenizer = make_named("bert", ("bad", "fair", "good"))
    return Bundle.of(copy.deepcopy(model), tokenizer)


@pytest.fixture(scope="module")
def checked(bundle):
    return randomise_model(REQUEST, bundle=bundle)


def bytes_of(bundle):
    return sum(t.numel() * t.element_size() for t in (*bundle.model.parameters(), *bundle.model.buffers()))


def state(bundle):
    return {name: tensor.clone() for name, tensor in bundle.model.state_dict().items()}


def test_layers_are_randomised_from_the_head_down(checked):
    names = [step.layer for step in checked]
    assert names == ["classifier", "bert.pooler", "bert.encoder.layer.1", "bert.encoder.layer.0", "bert.embeddings"]


def test_a_final_norm_is_randomised_before_the_embeddings():
    bundle = Bundle.of(*tiny("llama", task="text_generation"))
    request = Request("text_generation", "tiny", {"prompt": "The soup was", "continuation": " cold"}, method="saliency")
    names = [step.layer for step in randomise_model(request, bundle=bundle)]
    assert names == ["lm_head", "model.norm", "model.layers.1", "model.layers.0", "model.embed_tokens"]


def test_without_randomisation_the_explanations_agree(bundle, monkeypatch):
    monkeypatch.setattr(module, "randomise_layer", lambda layer, generator: None)
    for step in randomise_model(REQUEST, bundle=bundle):
        assert (step.agreement.signed, step.agreement.strength, step.agreement.overlap) == (1.0, 1.0, 1.0)


def test_with_every_weight_random_the_explanations_disagree(checked):
    assert abs(checked[-1].agreement.strength) < 0.8
    assert checked[-1].agreement.signed < 0.8
    assert checked[0].agreement.shared == len(WORD.findall(TEXT))


def test_each_step_randomises_its_layer_and_keeps_those_below(bundle, monkeypatch):
    before, seen = state(bundle), []

    def watch(request, *, bundle, progress):
        after = bundle.model.state_dict()
        seen.append({name_layer(name.rpartition(".")[0]) for name in before if not after[name].equal(before[name])})
        return explain(request, bundle=bundle, progress=progress)

    monkeypatch.setattr(module, "explain", watch)
    names = [step.layer for step in randomise_model(REQUEST, bundle=bundle)]
    assert seen == [set(), *({*names[: i + 1]} for i in range(len(names)))]


def test_the_shared_model_keeps_its_weights_and_has_no_hook(bundle):
    before, hooks = state(bundle), [len(m._forward_pre_hooks) + len(m._forward_hooks) for m in bundle.model.modules()]
    randomise_model(REQUEST, bundle=bundle)
    assert all(tensor.equal(before[name]) for name, tensor in bundle.model.state_dict().items())
    assert hooks == [len(m._forward_pre_hooks) + len(m._forward_hooks) for m in bundle.model.modules()]
    assert all(p.requires_grad for p in bundle.model.parameters())


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others(bundle, checked):
    assert randomise_model(REQUEST, bundle=bundle) == checked
    other = Request("text_classification", "tiny", {"text": TEXT}, method="input_x_gradient", seed=1)
    assert [step.agreement for step in randomise_model(other, bundle=bundle)] != [s.agreement for s in checked]


def test_random_weights_keep_mean_and_standard_deviation(bundle):
    layer = torch.nn.Linear(200, 200)
    mean, spread = layer.weight.mean().item(), layer.weight.std().item()
    old = layer.weight.clone()
    randomise_layer([layer], torch.Generator().manual_seed(0))
    assert layer.weight.mean().item() == pytest.approx(mean, abs=0.002)
    assert layer.weight.std().item() == pytest.approx(spread, rel=0.02)
    assert abs(torch.corrcoef(torch.stack([old.flatten(), layer.weight.flatten()]))[0, 1].item()) < 0.03


def test_the_class_of_the_original_is_explained_whatever_a_random_model_predicts(bundle, monkeypatch):
    explained = []

    def watch(request, *, bundle, progress):
        explained.append(request.target)
        return explain(request, bundle=bundle, progress=progress)

    monkeypatch.setattr(module, "explain", watch)
    randomise_model(REQUEST, bundle=bundle)
    first = explain(REQUEST, bundle=bundle).targets[0]
    assert explained[0].index is None
    assert {target.index for target in explained[1:]} == {first.index}


@pytest.mark.parametrize(
    ("task", "kind", "inputs"),
    [
        ("question_answering", "bert", {"question": "What was cold?", "context": TEXT}),
        ("token_classification", "roberta", {"text": TEXT}),
        ("zero_shot_classification", "bert", {"text": TEXT, "labels": "food, harbour"}),
    ],
)
def test_answers_entities_and_own_labels_are_pinned_by_name(task, kind, inputs):
    names = {"zero_shot_classification": ("entailment", "neutral", "contradiction")}.get(task, ("O", "B-PER", "I-PER"))
    model, tokenizer = tiny(kind, task=task) if task == "question_answering" else make_named(kind, names, task=task)
    bundle = Bundle.of(model, tokenizer)
    result = explain(Request(task, "tiny", inputs, method="saliency"), bundle=bundle)
    for row in range(len(result.targets)):
        again = explain(pin_target(result, row), bundle=bundle)
        assert result.targets[row] in again.targets


def test_a_generated_text_is_pinned_by_forcing_it():
    bundle = Bundle.of(*tiny("gpt2", task="text_generation"))
    request = Request("text_generation", "tiny", {"prompt": "The soup was"}, method="saliency")
    result = explain(request, bundle=bundle)
    assert explain(pin_target(result), bundle=bundle).prediction.text == result.prediction.text
    made = Request("text_generation", "tiny", {"prompt": "The soup was", "continuation": " cold"}, method="saliency")
    assert pin_target(explain(made, bundle=bundle)) == made


def test_the_copy_is_refused_without_memory_for_it(bundle, monkeypatch):
    kept = ModelCache(bytes_of(bundle) - 1)
    monkeypatch.setattr(module, "model_cache", lambda: kept)
    with pytest.raises(LimitReached, match="no memory for a second"):
        randomise_model(REQUEST, bundle=bundle)
    assert kept.bytes == 0


def test_the_copy_is_counted_while_it_lives_and_is_gone_afterwards(bundle, monkeypatch):
    kept, copies, taken = ModelCache(bytes_of(bundle)), [], []
    monkeypatch.setattr(module, "model_cache", lambda: kept)

    def watch(request, *, bundle, progress):
        copies.append(weakref.ref(bundle.model))
        taken.append(kept.bytes)
        return explain(request, bundle=bundle, progress=progress)

    monkeypatch.setattr(module, "explain", watch)
    randomise_model(REQUEST, bundle=bundle)
    assert taken == [0, *[bytes_of(bundle)] * 5]
    assert [copy() is bundle.model for copy in copies] == [True, *[False] * 5]
    assert [copy() for copy in copies[1:]] == [None] * 5
    assert kept.bytes == 0


def test_memory_for_a_copy_evicts_idle_models_and_none_in_use():
    kept = ModelCache(100)
    with (
        kept.lease("idle", lambda: 40, object),
        kept.lease("busy", lambda: 50, object),
        pytest.raises(LimitReached, match="no memory for a copy"),
        kept.reserve(50, "a copy"),
    ):
        pass
    with kept.lease("busy", lambda: 50, object), kept.reserve(50, "a copy"):
        assert kept.bytes == 100
        assert kept.peek("idle") is None
    assert kept.bytes == 50


def test_layers_are_named_up_to_their_first_number():
    assert name_layer("bert.encoder.layer.11.output.dense") == "bert.encoder.layer.11"
    assert name_layer("bert.embeddings.LayerNorm") == "bert.embeddings"
    assert name_layer("classifier") == "classifier"
