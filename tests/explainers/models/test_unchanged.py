"""No verb changes the model, whether it ends well, fails, reaches a limit, or the user leaves."""

import copy
from contextlib import contextmanager, suppress
from dataclasses import replace

import pytest
import torch
import transformers

from explainers import METHODS, Bundle, Request, attack, evaluate, explain, predict
from explainers.analyses.attention_heads import HeadsRequest, read_heads
from explainers.analyses.context_reliance import ContextRequest, trace_context
from explainers.analyses.model_randomization import randomise_model
from explainers.analyses.word_substitution import SubstitutionRequest, substitute
from explainers.attacks import ATTACKS
from explainers.classic import (
    MultiLabelClassificationExplainer,
    PairwiseSequenceClassificationExplainer,
    QuestionAnsweringExplainer,
    SequenceClassificationExplainer,
    TokenClassificationExplainer,
    ZeroShotClassificationExplainer,
)
from explainers.cli import main
from explainers.errors import Incompatible, LimitReached
from explainers.models.loading import find_loaded, load
from explainers.models.resolve import find_card
from explainers.progress import quiet
from explainers.settings import settings
from tests.support.generation_models import AFTER, BEFORE, request_of, task_of
from tests.support.hub import save_tiny
from tests.support.image_models import PHOTO
from tests.support.nli import NLI
from tests.support.owned_models import Left, make_trainable, read_state
from tests.support.quick import choose_quick_settings
from tests.support.sentences import SENTENCES
from tests.support.tiny import GROUPED, SEQ2SEQ, SMALL, tiny, tokenizer_for

TEXT = "the cast is wonderful"
LONG = " ".join(SENTENCES[:3])
IMAGE_METHODS = ("grad_cam", "attention_rollout", "occlusion", "integrated_gradients", "smooth_grad")
CLASSIC = {
    "sequences": (SequenceClassificationExplainer, "text_classification", (TEXT,)),
    "pairs": (PairwiseSequenceClassificationExplainer, "pair_classification", (TEXT, "it is good")),
    "several labels": (MultiLabelClassificationExplainer, "text_classification", (TEXT,)),
    "zero shot": (ZeroShotClassificationExplainer, "zero_shot_classification", (TEXT, ["film", "food"])),
    "questions": (QuestionAnsweringExplainer, "question_answering", ("who was rude", TEXT)),
    "tokens": (TokenClassificationExplainer, "token_classification", (TEXT,)),
}


def explain_text(method):
    params = choose_quick_settings(method)
    request = Request("text_classification", "x", {"text": TEXT}, method, params=params)
    return lambda bundle, progress: explain(request, bundle=bundle, batch=2, progress=progress)


def explain_image(method):
    params = choose_quick_settings(method) | ({"patch": 16} if method == "occlusion" else {})
    request = Request("image_classification", "x", {"image": PHOTO}, method, params=params)
    return lambda bundle, progress: explain(request, bundle=bundle, batch=1, progress=progress)


def evaluate_text(bundle, progress):
    request = Request("text_classification", "x", {"text": TEXT}, "saliency")
    explanation = explain(request, bundle=Bundle.of(*tiny("bert")))
    return evaluate(explanation, bundle=bundle, batch=8, progress=progress)


def attack_text(key):
    request = Request("text_classification", "x", {"text": TEXT})
    return lambda bundle, progress: attack(key, request, bundle=bundle, progress=progress)


def predict_text(bundle, _):
    return predict(Request("text_classification", "x", {"text": TEXT}), bundle=bundle)


def randomise(bundle, progress):
    return randomise_model(
        Request("text_classification", "x", {"text": TEXT}, "saliency"), bundle=bundle, progress=progress
    )


WRITTEN = {
    "explain": lambda bundle, progress: explain(request_of("gpt2"), bundle=bundle, progress=progress),
    "generate": lambda bundle, progress: explain(
        request_of("gpt2", "", params={"most_new_tokens": 2}), bundle=bundle, progress=progress
    ),
    "dropout": lambda bundle, progress: explain(
        request_of("gpt2", params={"unit": "dropout_spread", "dropout_samples": 2}), bundle=bundle, progress=progress
    ),
    "heads": lambda bundle, progress: read_heads(HeadsRequest(request_of("gpt2"), 0), bundle=bundle, progress=progress),
    "zeroed heads": lambda bundle, progress: read_heads(
        HeadsRequest(request_of("gpt2"), 0, "zeroing"), bundle=bundle, progress=progress
    ),
    "substitute": lambda bundle, progress: substitute(
        SubstitutionRequest(request_of("gpt2"), 0, "prompt", 4, 8, ("tea", "bread")), bundle=bundle, progress=progress
    ),
    "context": lambda bundle, progress: trace_context(
        ContextRequest(replace(request_of("gpt2"), inputs={"prompt": BEFORE, "continuation": AFTER}), "i was there"),
        bundle=bundle,
        progress=progress,
    ),
}
VERBS = {
    **{f"explain {key}": ("bert", explain_text(key)) for key, method in METHODS.items() if "conv" not in method.needs},
    **{f"image {key}": ("vit" if "att" in key else "resnet", explain_image(key)) for key in IMAGE_METHODS},
    **{f"attack {key}": ("bert", attack_text(key)) for key in ATTACKS},
    **{f"generated: {key}": ("gpt2", verb) for key, verb in WRITTEN.items()},
    "evaluate": ("bert", evaluate_text),
    "predict": ("bert", predict_text),
    "randomise": ("bert", randomise),
    "capability": ("bert", lambda bundle, _: bundle.capability),
}


class Broken(RuntimeError):
    """Raised by a model in the middle of a pass."""


@contextmanager
def end_well(model, monkeypatch):
    yield quiet


@contextmanager
def leave(model, monkeypatch, after=2):
    """Leave at a report of progress."""
    told = []

    def progress(*report):
        told.append(report)
        if len(told) == after:
            raise Left

    try:
        yield progress
    except Left:
        assert len(told) == after


@contextmanager
def reach_a_limit(model, monkeypatch):
    """Allow no passes."""
    monkeypatch.setattr("explainers.engine.settings", lambda: replace(settings(), passes=1))
    with suppress(LimitReached):
        yield quiet


@contextmanager
def break_in_a_pass(model, monkeypatch, number=3):
    """Let the third pass fail in its last layer."""
    calls = []

    def fail(*_):
        calls.append(1)
        if len(calls) == number:
            raise Broken("in the middle of a pass")

    *_, last = (module for module in model.modules() if module._parameters)
    handle = last.register_forward_pre_hook(fail)
    try:
        yield quiet
    except Exception:
        assert len(calls) >= number  # as it is, or in an error of ours
    finally:
        handle.remove()


ENDINGS = {"well": end_well, "left": leave, "limited": reach_a_limit, "broken": break_in_a_pass}


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_leaves_the_model_as_it_was(verb, ending, monkeypatch):
    kind, run = VERBS[verb]
    model, reader = make_trainable(kind, "eager", **({"task": task_of("gpt2")} if kind == "gpt2" else {}))
    bundle, before = Bundle.of(model, reader), read_state(model)
    with ENDINGS[ending](model, monkeypatch) as progress:
        run(bundle, progress)
    assert read_state(model) == before
    assert not bundle.lock.locked()


@pytest.mark.parametrize("name", CLASSIC)
def test_a_classic_class_leaves_the_model_as_it_was(name):
    kind, task, arguments = CLASSIC[name]
    options = {"task": task} if task in ("question_answering", "token_classification") else {}
    model, reader = make_trainable("bert", "eager", **options)
    if task in ("pair_classification", "zero_shot_classification"):
        model.config.id2label = dict(enumerate(NLI))
        model.config.label2id = {label: i for i, label in enumerate(NLI)}
    before = read_state(model)
    kind(model, reader)(*arguments)
    assert read_state(model) == before


@pytest.mark.parametrize("command", [("explain",), ("evaluate",), ("attack", "input_reduction")])
def test_a_command_leaves_the_loaded_model_as_it_was(command, tmp_path, capsys):
    folder = save_tiny("bert", tmp_path / "model")
    card = find_card(str(folder), "text_classification", settings())
    model = load(card).model
    before = read_state(model)
    assert main([*command, "text_classification", "--model", str(folder), f"text={TEXT}"]) == 0
    assert read_state(model) == before
    assert find_loaded(card).model is model


def make_big_bird(**changes):
    """Make a BigBird, which attends in blocks until it has read a short text."""
    reader = tokenizer_for("xlm-roberta")
    ids = {f"{name}_token_id": getattr(reader, f"{name}_token_id") for name in ("pad", "bos", "eos", "sep")}
    sparse = {"attention_type": "block_sparse", "block_size": 4, "num_random_blocks": 1}
    config = transformers.AutoConfig.for_model(
        "big_bird", **SMALL | sparse | changes, num_labels=3, vocab_size=len(reader), **ids
    )
    return _make_classifier(config, 2), reader


def _make_classifier(config, seed):
    model = transformers.AutoModelForSequenceClassification.from_config(config).eval()
    torch.manual_seed(seed)
    for weight in model.parameters():
        if weight.dim() > 1:
            torch.nn.init.normal_(weight, std=0.6)
    return model


def compute_alone(model, reader, text):
    """Compute the probabilities of a copy of a model that nobody has run before."""
    fresh = copy.deepcopy(model)
    with torch.no_grad():
        return fresh(**reader(text, return_tensors="pt")).logits.softmax(-1)[0].tolist()


def test_a_model_that_changes_its_attention_is_explained_as_it_is_alone():
    model, reader = make_big_bird()
    alone = {text: compute_alone(model, reader, text) for text in (LONG, TEXT)}
    full = copy.deepcopy(model)
    full.bert.set_attention_type("original_full")
    assert abs(max(alone[LONG]) - max(compute_alone(full, reader, LONG))) > 0.01
    before, bundle = read_state(model), Bundle.of(model, reader)
    for text in (LONG, TEXT, LONG):
        request = Request("text_classification", "x", {"text": text}, "occlusion")
        found = explain(request, bundle=bundle)
        assert found.values[0] == pytest.approx(max(alone[text]), abs=1e-6)
        assert predict(request, bundle=bundle).targets[0].probability == pytest.approx(max(alone[text]), abs=1e-6)
        assert read_state(model) == before
    assert model.bert.attention_type == "block_sparse"


def test_a_loaded_model_that_changes_its_attention_is_explained_as_it_is_alone(tmp_path):
    model, reader = make_big_bird()
    model.save_pretrained(tmp_path)
    reader.save_pretrained(tmp_path)
    for text in (TEXT, LONG):
        request = Request("text_classification", str(tmp_path), {"text": text}, "saliency")
        assert explain(request).values[0] == pytest.approx(max(compute_alone(model, reader, text)), abs=1e-6)


def test_rotary_embeddings_that_depend_on_the_length_of_the_text_are_left_as_they_were():
    reader = tokenizer_for("llama")
    factors = {"short_factor": [1.0] * 4, "long_factor": [4.0] * 4, "original_max_position_embeddings": 12}
    config = transformers.AutoConfig.for_model(
        "llama",
        **GROUPED,
        rope_parameters={"rope_type": "longrope", "rope_theta": 10000.0, "factor": 4.0} | factors,
        num_labels=3,
        vocab_size=len(reader),
        pad_token_id=reader.pad_token_id,
    )
    model = _make_classifier(config, 1)
    before, bundle = read_state(model), Bundle.of(model, reader)
    for text in (LONG, "a"):
        for method in ("integrated_gradients", "occlusion"):
            params = {"most_passes": 20} if method == "integrated_gradients" else {}
            found = explain(Request("text_classification", "x", {"text": text}, method, params=params), bundle=bundle)
            assert found.values[0] == pytest.approx(max(compute_alone(model, reader, text)), abs=1e-6)
            assert read_state(model) == before


@pytest.mark.parametrize("method", ["occlusion", "layer_integrated_gradients"])
@pytest.mark.parametrize(("kind", "window"), [("big_bird", 0), ("longformer", 4), ("bigbird_pegasus", 0)])
def test_models_that_pad_their_input_are_explained_as_they_are_alone(kind, window, method):
    reader = tokenizer_for("xlm-roberta")
    sparse = {"attention_window": [window] * 2} if window else {"attention_type": "block_sparse", "block_size": 4}
    size = SEQ2SEQ if kind == "bigbird_pegasus" else SMALL
    ids = {f"{name}_token_id": getattr(reader, f"{name}_token_id") for name in ("pad", "bos", "eos", "sep")}
    config = transformers.AutoConfig.for_model(
        kind,
        **size | sparse,
        **({} if window else {"num_random_blocks": 1}),
        num_labels=3,
        vocab_size=len(reader),
        **ids,
    )
    model = _make_classifier(config, 2)
    before, bundle = read_state(model), Bundle.of(model, reader)
    request = Request("text_classification", "x", {"text": LONG}, method)
    if kind == "bigbird_pegasus" and method != "occlusion":
        with pytest.raises(Incompatible, match="cannot hook"):  # it also embeds the padding, by itself
            explain(request, bundle=bundle)
    else:
        found = explain(request, bundle=bundle)
        assert found.values[0] == pytest.approx(max(compute_alone(model, reader, LONG)), abs=2e-6)
    assert read_state(model) == before
