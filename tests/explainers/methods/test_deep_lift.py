"""DeepLIFT beside Captum's, on models where its sum is exact, and on transformers where it is not."""

import warnings
from functools import partial

import numpy as np
import pytest
import torch
from captum.attr import DeepLift, LayerDeepLift
from torch import nn
from torch.testing import assert_close
from transformers.activations import GELUActivation, NewGELUActivation

from explainers import Bundle, Request, explain
from explainers.errors import Incompatible
from explainers.methods.deep_lift import PLAIN_GRADIENT, deep_lift
from explainers.methods.integrated_gradients import integrated_gradients
from explainers.models.probes.activations import list_activations
from explainers.tasks._text_problem import MAX_GRAPHS
from tests.support.image_models import make_bundle, make_request
from tests.support.problems import make_linear_problem, make_problem
from tests.support.tiny import tiny

FEATURES, WIDTH = 4, 3


class Network(nn.Module):
    """Two hidden layers with activations that are given."""

    def __init__(self, first, second):
        super().__init__()
        torch.manual_seed(4)
        self.layers = nn.Sequential(
            nn.Flatten(), nn.Linear(FEATURES * WIDTH, 16), first, nn.Linear(16, 8), second, nn.Linear(8, 2)
        )
        self.requires_grad_(False)

    def forward(self, points):
        return self.layers(points)


def explain_network(model, shape=(FEATURES, WIDTH), **more):
    x, baseline = torch.randn(2, *shape, generator=torch.Generator().manual_seed(6))
    return make_problem(model, x, baseline, activations=list_activations(model), **more)


def sum_to_change(problem, scores):
    change = problem.score(problem.x) - problem.score(problem.baseline)
    assert_close(scores.sum(1), change[0], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kinds", [(nn.ReLU, nn.ReLU), (nn.Tanh, nn.Sigmoid), (nn.ELU, nn.LeakyReLU)])
def test_it_equals_captum_and_sums_to_the_change(kinds):
    model = Network(*(kind() for kind in kinds))
    problem = explain_network(model)
    scores = deep_lift(problem).scores
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = [DeepLift(model).attribute(problem.x, problem.baseline, target=t).sum(-1)[0] for t in range(2)]
    assert_close(scores, torch.stack(theirs), atol=1e-6, rtol=1e-4)
    sum_to_change(problem, scores)
    assert problem.run.notices == []
    assert (problem.run.forward, problem.run.backward) == (2, 2)


def test_one_unit_is_the_change_of_its_output_shared_by_the_changes_of_its_input():
    """F = relu(a + b) from (-1, 0) to (3, 1): 4 of the rise of 4 is due to input that rises by 5, shared 4 to 1."""
    relu = nn.ReLU()
    x, baseline = torch.tensor([[3.0], [1.0]]), torch.tensor([[-1.0], [0.0]])
    problem = make_problem(lambda points: relu(points.sum(1)), x, baseline, activations=(relu,))
    assert_close(deep_lift(problem).scores, torch.tensor([[4.0 * 4 / 5, 4.0 * 1 / 5]]))


@pytest.mark.parametrize("kind", [nn.GELU, GELUActivation, NewGELUActivation, nn.SiLU, partial(nn.ReLU, inplace=True)])
def test_other_activations_sum_to_the_change_too(kind):
    problem = explain_network(Network(kind(), kind()))
    sum_to_change(problem, deep_lift(problem).scores)


def test_a_module_that_runs_twice_is_compared_call_by_call():
    shared = nn.ReLU()
    problem = explain_network(Network(shared, shared))
    separate = explain_network(Network(nn.ReLU(), nn.ReLU()))
    assert_close(deep_lift(problem).scores, deep_lift(separate).scores)


@pytest.mark.parametrize("dimensions", [1, 2])
def test_overlapping_windows_of_max_pooling_sum_to_the_change(dimensions):
    shape = (2, 9) if dimensions == 1 else (2, 7, 7)
    convolution, pool = (nn.Conv1d, nn.MaxPool1d) if dimensions == 1 else (nn.Conv2d, nn.MaxPool2d)
    torch.manual_seed(1)
    model = nn.Sequential(
        nn.Unflatten(1, shape), convolution(2, 3, 3), nn.ReLU(), pool(3, 2, 1), nn.Flatten(), nn.LazyLinear(2)
    )
    model(torch.zeros(1, np.prod(shape)))
    model.requires_grad_(False)
    x, baseline = torch.randn(2, np.prod(shape), 1)
    problem = make_problem(lambda points: model(points[..., 0]), x, baseline, activations=list_activations(model))
    scores = deep_lift(problem).scores
    sum_to_change(problem, scores)
    separate = deep_lift(make_problem(lambda points: model(points[..., 0]), x, x, activations=list_activations(model)))
    assert float(separate.scores.abs().max()) == 0


def test_windows_that_do_not_overlap_are_as_in_captum():
    """Behind a ReLU, Captum 0.9 leaves a convergence delta, and ours none."""
    torch.manual_seed(1)
    model = nn.Sequential(nn.Conv2d(2, 3, 3), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(12, 2))
    model.requires_grad_(False)
    x, baseline = torch.randn(2, 2, 6, 6)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = DeepLift(model).attribute(x[None], baseline[None], target=1)
    problem = make_problem(
        lambda points: model(points.reshape(-1, 2, 6, 6)),
        x.reshape(-1, 1),
        baseline.reshape(-1, 1),
        activations=list_activations(model),
    )
    assert_close(deep_lift(problem).scores[1], theirs.flatten(), atol=1e-6, rtol=1e-4)


def test_a_model_without_activation_modules_is_refused():
    problem, *_ = make_linear_problem()
    with pytest.raises(Incompatible, match="activation functions"):
        deep_lift(problem)


def test_a_model_that_takes_other_steps_for_the_baseline_is_refused_and_left_without_hooks():
    relu = nn.ReLU()

    def score(points):
        total = points.sum(1)
        return relu(relu(total)) if float(total.detach().sum()) > 0 else relu(total)

    problem = make_problem(score, torch.ones(2, 1), -torch.ones(2, 1), activations=(relu,))
    for one in (problem, make_problem(score, -torch.ones(2, 1), torch.ones(2, 1), activations=(relu,))):
        with pytest.raises(Incompatible, match="other steps"):
            deep_lift(one)
    assert not relu._forward_hooks
    assert not relu._forward_pre_hooks


def test_activations_of_routed_experts_are_left_out():
    model = nn.ModuleDict({"experts": nn.ModuleList([nn.ReLU()]), "dense": nn.ReLU()})
    assert list_activations(model) == (model["dense"],)


class Reader(nn.Module):
    """The logits of a text model for embeddings, as Captum runs it."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, embeddings):
        return self.model(inputs_embeds=embeddings).logits


TEXT = "wonderful cast, slow"


def ask(method, **params):
    return Request("text_classification", "tiny", {"text": TEXT}, method, params={"unit": "logit"} | params)


@pytest.mark.parametrize("layer", [None, 1, 2])
def test_on_a_transformer_with_relu_it_equals_captum(layer):
    model, tokenizer = tiny("bert", hidden_act="relu", attn_implementation="eager")
    bundle = Bundle.of(model, tokenizer)
    ours = explain(ask("deep_lift") if layer is None else ask("layer_deep_lift", layer=layer), bundle=bundle)
    ids = tokenizer(TEXT, return_tensors="pt")["input_ids"]
    blank = ids.where(torch.tensor([[feature.special for feature in ours.features]]), tokenizer.pad_token_id)
    table = model.get_input_embeddings()
    reader = Reader(model)
    captum = DeepLift(reader) if layer is None else LayerDeepLift(reader, model.bert.encoder.layer[layer - 1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = captum.attribute(table(ids).detach(), table(blank).detach(), target=ours.targets[0].index)
    theirs = theirs[0] if isinstance(theirs, tuple) else theirs
    assert_close(torch.from_numpy(ours.scores[0]), theirs.detach().sum(-1)[0], atol=1e-4, rtol=1e-3)
    assert float(abs(ours.scores).max()) > 0.01


def test_the_input_of_the_first_layer_of_gpt2_differs_from_the_words_by_the_positions_only():
    bundle = make_text_bundle("gpt2")
    words, states = (explain(ask(*more[:1], **more[1]), bundle=bundle) for more in (("deep_lift", {}), LAYER_0))
    np.testing.assert_allclose(states.scores, words.scores, atol=1e-4)


LAYER_0 = ("layer_deep_lift", {"layer": 0})


def make_text_bundle(kind):
    return Bundle.of(*tiny(kind))


@pytest.mark.parametrize("kind", ["bert", "albert", "distilbert", "gpt2"])
@pytest.mark.parametrize("method", ["deep_lift", "layer_deep_lift"])
def test_transformers_show_the_convergence_delta_and_keep_no_hooks(kind, method):
    bundle = make_text_bundle(kind)
    explanation = explain(ask(method), bundle=bundle)
    assert np.isfinite(explanation.scores).all()
    assert explanation.relative_error is not None
    assert (PLAIN_GRADIENT in explanation.notices) == bool(explanation.relative_error[0] > 0.05)
    assert list_activations(bundle.model)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in list_activations(bundle.model))


def test_labels_that_are_read_in_passes_of_their_own_are_compared_pass_by_pass():
    """With more than MAX_GRAPHS labels, each pass computes its gradients at once."""
    bundle = Bundle.of(*tiny("bert"))

    def explain_labels(count):
        inputs = {"text": TEXT, "labels": ", ".join(f"cast {i}" for i in range(count))}
        params = {"unit": "logit", "entailment": "LABEL_1"}
        return explain(
            Request("zero_shot_classification", "tiny", inputs, "deep_lift", "cast 0", params), bundle=bundle
        )

    few, many = explain_labels(2), explain_labels(MAX_GRAPHS + 1)
    own = np.isfinite(few.scores[0])
    assert own.sum() > 5
    np.testing.assert_allclose(many.scores[0][np.isfinite(many.scores[0])], few.scores[0][own], atol=1e-4)


def test_an_image_model_with_overlapping_windows_is_explained():
    explanation = explain(make_request("deep_lift"), bundle=make_bundle("resnet"))
    assert abs(explanation.scores).max() > 0


def test_a_network_without_kinks_in_between_is_explained_as_by_integrated_gradients():
    problem = explain_network(Network(nn.Identity(), nn.Identity()))
    problem = make_problem(problem.score, problem.x[0], problem.baseline[0], activations=(nn.ReLU(),))
    assert_close(deep_lift(problem).scores, integrated_gradients(problem).scores, atol=1e-5, rtol=1e-4)
