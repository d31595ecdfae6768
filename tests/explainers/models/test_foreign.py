"""What people hand over in the place of a transformers model is taken rightly, or refused by its true name."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
import transformers

from explainers import Bundle, ExplainerError, Request, attack, explain, predict
from explainers.errors import BadRequest, Incompatible
from explainers.loading import load
from explainers.models.resolve import find_card
from explainers.settings import read_settings
from tests.support.sentences import SENTENCES
from tests.support.tiny import tiny, tokenizer_for

TEXT = SENTENCES[0]


def ask(method="integrated_gradients", **params):
    return Request("text_classification", "x", {"text": TEXT}, method, params=params)


def make(kind="bert"):
    """Make a private copy of a tiny model, with attention weights."""
    model, tokenizer = tiny(kind, attn_implementation="eager")
    return copy.deepcopy(model), tokenizer


class Own(torch.nn.Module):
    """A module of the caller around a transformers model."""

    def __init__(self, inner, convert, config=None):
        super().__init__()
        self.inner, self.convert = inner, convert
        if config is not None:
            self.config = config

    def forward(self, input_ids, attention_mask=None, token_type_ids=None):
        output = self.inner(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids)
        return self.convert(output)


def compile_in_place(model):
    model.compile()
    return model


def compile_part(model):
    model.bert.encoder = torch.compile(model.bert.encoder)
    return model


WRAPPERS = {
    "DataParallel": torch.nn.DataParallel,
    "compiled": torch.compile,
    "compiled in place": compile_in_place,
    "compiled part": compile_part,
    "compiled and parallel": lambda model: torch.nn.DataParallel(torch.compile(model)),
    "pipeline": lambda model: transformers.pipeline("text-classification", model=model, tokenizer=make()[1]),
    "dict": lambda model: Own(model, lambda output: {"logits": output.logits}, model.config),
    "tuple": lambda model: Own(model, lambda output: (output.logits,), model.config),
    "list": lambda model: Own(model, lambda output: [output.logits], model.config),
    "tensor": lambda model: Own(model, lambda output: output.logits, model.config),
    "own subclass": lambda model: Own(model, lambda output: output, model.config),
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")  # of torch, when it imports its compiler
@pytest.mark.parametrize("name", WRAPPERS)
def test_a_wrapped_model_is_explained_like_the_model_itself(name):
    model, tokenizer = make()
    right = explain(ask(), bundle=Bundle.of(model, tokenizer))
    bundle = Bundle.of(WRAPPERS[name](copy.deepcopy(model)), tokenizer)
    assert np.array_equal(explain(ask(), bundle=bundle).scores, right.scores)
    assert predict(ask(), bundle=bundle) == predict(ask(), bundle=Bundle.of(model, tokenizer))
    assert not bundle.model._forward_hooks


def test_a_pipeline_brings_its_tokenizer():
    model, tokenizer = make()
    bundle = Bundle.of(transformers.pipeline("text-classification", model=model, tokenizer=tokenizer))
    assert bundle.model is model
    assert bundle.tokenizer is tokenizer


def test_an_offloaded_model_is_explained():
    accelerate = pytest.importorskip("accelerate")
    model, tokenizer = make()
    right = explain(ask(), bundle=Bundle.of(model, tokenizer))
    offloaded = accelerate.cpu_offload(copy.deepcopy(model))
    assert np.array_equal(explain(ask(), bundle=Bundle.of(offloaded, tokenizer)).scores, right.scores)


MODEL, TOKENIZER = tiny("bert")
REFUSED = {
    "swapped": (TOKENIZER, MODEL, "TokenizersBackend"),
    "two models": (MODEL, MODEL, "BertForSequenceClassification"),
    "two tokenizers": (TOKENIZER, TOKENIZER, "first"),
    "a name": ("bert-base-uncased", TOKENIZER, "'bert-base-uncased'"),
    "a class": (type(MODEL), TOKENIZER, "the class BertForSequenceClassification"),
    "nothing": (None, TOKENIZER, "None"),
    "no tokenizer": (MODEL, None, "None"),
    "a tokenizer's name": (MODEL, "bert-base-uncased", "'bert-base-uncased'"),
    "a raw tokenizer": (MODEL, TOKENIZER._tokenizer, "PreTrainedTokenizerFast"),
    "no config": (Own(MODEL, lambda output: output), TOKENIZER, "Own has no config"),
    "a dict as config": (Own(MODEL, lambda output: output, {"labels": 3}), TOKENIZER, "dict"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_another_object_is_refused_by_its_name(name):
    model, reader, words = REFUSED[name]
    with pytest.raises(BadRequest, match=words):
        Bundle.of(model, reader)


def test_a_model_without_weights_is_refused():
    with torch.device("meta"):
        empty = transformers.AutoModelForSequenceClassification.from_config(MODEL.config)
    with pytest.raises(Incompatible, match="meta"):
        Bundle.of(empty, TOKENIZER)


@pytest.mark.parametrize("kind", ["bert", "bart", "t5", "gpt2"])
def test_return_dict_false_changes_nothing_and_stays(kind):
    model, tokenizer = make(kind)
    right = explain(ask("saliency"), bundle=Bundle.of(model, tokenizer))
    model.config.return_dict = False
    assert np.array_equal(explain(ask("saliency"), bundle=Bundle.of(model, tokenizer)).scores, right.scores)
    assert model.config.return_dict is False


@pytest.mark.parametrize(
    ("convert", "words"),
    [(lambda output: "a text", "type str"), (lambda output: {"scores": output.logits}, "scores but no logits")],
)
def test_an_output_without_logits_is_named(convert, words):
    bundle = Bundle.of(Own(MODEL, convert, MODEL.config), TOKENIZER)
    for verb in (explain, predict):
        with pytest.raises(Incompatible, match=words):
            verb(ask(), bundle=bundle)


@pytest.mark.parametrize("auto", ["AutoModel", "AutoModelForTokenClassification"])
def test_a_model_of_another_task_is_named(auto):
    bundle = Bundle.of(getattr(transformers, auto).from_config(MODEL.config).eval(), TOKENIZER)
    for verb in (explain, predict):
        with pytest.raises(Incompatible, match="another task"):
            verb(ask(), bundle=bundle)


METHODS = ("attention_rollout", "value_zeroing", "gradient_shap", "occlusion", "saliency", "lime")
LIMITS = {torch.float16: 0.995, torch.bfloat16: 0.98, torch.float64: 0.99999}


@pytest.mark.parametrize("dtype", LIMITS)
@pytest.mark.parametrize("method", METHODS)
def test_weights_of_another_precision_give_nearly_the_same_scores(method, dtype):
    model, tokenizer = make()
    right = explain(ask(method), bundle=Bundle.of(model, tokenizer)).scores[0]
    found = explain(ask(method), bundle=Bundle.of(model.to(dtype), tokenizer))
    assert np.corrcoef(found.scores[0], right)[0, 1] > LIMITS[dtype]
    logits = model(**tokenizer(TEXT, return_tensors="pt")).logits
    assert found.values[0] == pytest.approx(float(logits.float().softmax(-1).max().detach()), abs=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_the_default_dtype_of_torch_changes_nothing(method):
    model, tokenizer = make()
    right = explain(ask(method), bundle=Bundle.of(model, tokenizer))
    torch.set_default_dtype(torch.float64)
    try:
        found = explain(ask(method), bundle=Bundle.of(model, tokenizer))
    finally:
        torch.set_default_dtype(torch.float32)
    assert np.allclose(found.scores, right.scores, atol=1e-5)


def test_gradients_are_computed_inside_inference_mode_and_of_weights_made_in_it():
    model, tokenizer = make()
    right = explain(ask(), bundle=Bundle.of(model, tokenizer))
    with torch.inference_mode():
        inside = explain(ask(), bundle=Bundle.of(model, tokenizer))
        made = transformers.AutoModelForSequenceClassification.from_config(model.config)
        made.load_state_dict(model.state_dict())
    weights = [id(weight) for weight in made.parameters()]
    of_made = explain(ask(), bundle=Bundle.of(made.eval(), tokenizer))
    assert np.array_equal(inside.scores, right.scores)
    assert np.allclose(of_made.scores, right.scores, atol=1e-6)
    assert [id(weight) for weight in made.parameters()] == weights
    assert all(weight.is_inference() for weight in made.parameters())


@pytest.mark.parametrize("verb", [explain, predict])
def test_nan_weights_are_named(verb):
    model, tokenizer = make()
    model.classifier.weight.data[0, 0] = float("nan")
    with pytest.raises(Incompatible, match=r"NaN.*classifier\.weight"):
        verb(ask(), bundle=Bundle.of(model, tokenizer))


def test_a_logit_of_minus_infinity_is_probability_zero_and_no_logit_to_explain():
    model, tokenizer = make()
    best = predict(ask(), bundle=Bundle.of(model, tokenizer)).targets[0].index
    other = (best + 1) % 3
    model.classifier.bias.data[other] = -torch.inf
    bundle = Bundle.of(model, tokenizer)
    assert predict(ask(), bundle=bundle).targets[-1].probability == 0.0
    found = explain(ask(), bundle=bundle)
    assert found.targets[0].index == best
    assert np.isfinite(found.scores).all()
    with pytest.raises(ExplainerError, match="-inf"):
        explain(
            Request("text_classification", "x", {"text": TEXT}, target=other, params={"unit": "logit"}), bundle=bundle
        )


def test_a_token_without_an_embedding_is_named():
    model, tokenizer = make()
    more = copy.deepcopy(tokenizer)
    more.add_tokens(["zebra"])
    request = Request("text_classification", "x", {"text": "zebra good"})
    for verb in (explain, predict):
        with pytest.raises(Incompatible, match="'zebra' has the id 121"):
            verb(request, bundle=Bundle.of(model, more))


def test_a_pad_token_without_an_embedding_is_no_baseline():
    model, tokenizer = make("gpt2")
    more = copy.deepcopy(tokenizer)
    more.add_special_tokens({"pad_token": "[PAD]"})
    right = explain(ask("occlusion"), bundle=Bundle.of(model, tokenizer))
    assert np.array_equal(explain(ask("occlusion"), bundle=Bundle.of(model, more)).scores, right.scores)


def test_an_image_processor_reads_no_text():
    model, processor = tiny("vit")
    for verb in (explain, predict):
        with pytest.raises(Incompatible, match="no tokenizer"):
            verb(ask(), bundle=Bundle.of(model, processor))


def test_what_the_code_of_a_model_or_a_tokenizer_raises_is_quoted():
    model, tokenizer = make()

    def fail(output):
        raise KeyError("of its owner")

    class Broken(type(tokenizer)):
        def __call__(self, *args, **more):
            raise RuntimeError("broken rules")

    broken = copy.deepcopy(tokenizer)
    broken.__class__ = Broken
    for verb in (explain, predict):
        with pytest.raises(Incompatible, match=r"own forward pass, with KeyError \('of its owner'\)"):
            verb(ask(), bundle=Bundle.of(Own(model, fail, model.config), tokenizer))
        with pytest.raises(Incompatible, match=r"tokenizer .* with RuntimeError \(broken rules\)"):
            verb(ask(), bundle=Bundle.of(model, broken))


SMALL_KINDS = {
    "ctrl": {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 128, "dff": 48},
    "reformer": {
        **{"hidden_size": 32, "attention_head_size": 8, "num_attention_heads": 4, "feed_forward_size": 48},
        **{"attn_layers": ["local", "lsh"], "axial_pos_shape": [16, 8], "axial_pos_embds_dim": [16, 16]},
        **{"max_position_embeddings": 128, "local_attn_chunk_length": 8, "lsh_attn_chunk_length": 8},
        **{"is_decoder": False, "num_buckets": 2, "hash_seed": 1},
    },
}


@pytest.mark.parametrize("kind", SMALL_KINDS)
def test_a_capability_that_cannot_be_tested_does_not_lose_the_model(kind, tmp_path):
    tokenizer = tokenizer_for("gpt2" if kind == "ctrl" else "xlm-roberta")
    ids = {f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("pad", "eos")}
    size = {"vocab_size": len(tokenizer), "num_labels": 3, "initializer_range": 0.3}
    config = transformers.AutoConfig.for_model(kind, **SMALL_KINDS[kind] | ids | size)
    transformers.AutoModelForSequenceClassification.from_config(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    bundle = load(find_card(str(tmp_path), "text_classification", read_settings({})))
    assert predict(ask(), bundle=bundle).targets
    failed = {name for name, why in bundle.card.reasons if "failed inside the model" in why}
    assert failed
    assert not failed & bundle.card.provides


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"inputs": "I love you"}, "mapping"),
        ({"model": MODEL}, r"Bundle\.of"),
        ({"task": None}, "task"),
        ({"method": explain}, "method"),
        ({"params": "unit"}, "mapping"),
    ],
)
def test_a_request_of_other_types_is_refused_in_words(fields, words):
    with pytest.raises(BadRequest, match=words):
        Request(**{"task": "text_classification", "model": "x", "inputs": {"text": TEXT}} | fields)


def test_words_are_chosen_among_those_that_have_an_embedding():
    model, tokenizer = make()
    model.resize_token_embeddings(len(tokenizer) - 3)
    request = Request("text_classification", "x", {"text": "the soup was cold"}, "saliency")
    assert attack("hotflip", request, bundle=Bundle.of(model, tokenizer)).request == request


def test_an_id_without_a_token_has_a_name_that_can_be_asked_for():
    model, tokenizer = (copy.deepcopy(part) for part in tiny("bert", task="fill_mask"))
    model.resize_token_embeddings(len(tokenizer) + 8)
    index = len(tokenizer) + 3
    model.get_output_embeddings().bias.data[index] = 50.0
    request = Request("fill_mask", "x", {"text": "the [MASK] was cold"}, "saliency")
    bundle = Bundle.of(model, tokenizer)
    best = predict(request, bundle=bundle).targets[0]
    assert (best.label, best.index) == (f"<id {index}>", index)
    assert explain(replace(request, target=best.label), bundle=bundle).targets[0].index == index
