"""What each architecture gives to a method is measured, is what it is called, and leaves the model as it was."""

import copy

import pytest
import torch

from explainers import TASKS, Bundle, Request
from explainers.engine import validate
from explainers.inputs.images import PHOTOGRAPHS
from explainers.models.probes.attention import read_attentions
from explainers.models.probes.vision import watch
from explainers.progress import Run
from tests.support.hub import make_loaded
from tests.support.tiny import DECODERS, EVERY, IMAGES, TRANSLATORS, task_of, tiny

TEXT = [kind for kind in EVERY if kind not in IMAGES]
CASES = [*[(kind, task_of(kind)) for kind in EVERY], *[(kind, "translation") for kind in TRANSLATORS[:2]]]
CASES += [(kind, "text_generation") for kind in DECODERS] + [("bert", "fill_mask"), ("roberta", "question_answering")]
WINDOWED = ("longformer", "swin")
NETS = ("convnext", "resnet")


def bundle_of(kind, task=None):
    return Bundle.of(*make_loaded(kind, task=task))


def inputs_of(bundle):
    """The inputs of a text or a picture, with some words that a translator has written."""
    if bundle.processor is not None:
        return {"pixel_values": torch.linspace(-2, 2, 3 * 32 * 32).sin().reshape(1, 3, 32, 32)}
    inputs = dict(bundle.tokenizer("the soup was cold and the waiter rude", return_tensors="pt"))
    if bundle.model.config.is_encoder_decoder and bundle.model.can_generate():
        inputs["decoder_input_ids"] = torch.tensor([[bundle.model.config.decoder_start_token_id, 9, 8]])
    return inputs


@pytest.mark.parametrize(("kind", "task"), CASES)
def test_a_model_gives_what_its_architecture_has_and_says_why_not_the_rest(kind, task):
    found = bundle_of(kind, task).capability
    expected = (
        {"gradients", "baseline"}
        | ({"layer", "table", "hidden"} if kind in TEXT else set())
        | ({"conv"} if kind in NETS else set())
    )
    expected -= {"layer"} if task == "translation" else set()  # Captum cannot hook a module for each of two texts
    expected -= {"hidden"} if kind == "longformer" else set()  # which pads its states and cuts them again
    expected |= set() if kind in (*WINDOWED, *NETS) else {"attentions", "zeroing"}
    assert found.provides == expected
    names = {"gradients", "baseline", "layer", "table", "hidden", "attentions", "zeroing", "conv"}
    assert {name for name, _ in found.reasons} == names - expected
    assert all(why.endswith(".") and "_" not in why for _, why in found.reasons)


@pytest.mark.parametrize(("kind", "task"), CASES)
def test_the_probe_leaves_hooks_configuration_mode_weights_and_outputs_as_they_were(kind, task):
    bundle = bundle_of(kind, task)
    model, inputs = bundle.model, inputs_of(bundle)

    def state():
        hooks = [(len(m._forward_hooks), len(m._forward_pre_hooks), len(m._backward_hooks)) for m in model.modules()]
        flags = [(m.training, sorted(m.__dict__)) for m in model.modules()]
        grads = [(p.requires_grad, p.grad) for p in model.parameters()]
        return hooks, flags, grads, copy.deepcopy(model.config.to_dict()), model.config._attn_implementation

    with torch.no_grad():
        said, before = model(**inputs)[0], state()
        weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        generator = torch.get_rng_state()
        assert bundle.capability is bundle.capability
        assert torch.equal(torch.get_rng_state(), generator)
        assert state() == before
        assert all(torch.equal(tensor, weights[name]) for name, tensor in model.state_dict().items())
        assert torch.equal(model(**inputs)[0], said)


@pytest.mark.parametrize(("kind", "task"), CASES)
def test_eager_attention_says_what_the_default_says_and_tells_weights_that_sum_to_one(kind, task):
    original, _ = tiny(kind, task=task)
    bundle = bundle_of(kind, task)
    inputs = inputs_of(bundle)
    assert bundle.model.config._attn_implementation == "eager"
    with torch.no_grad():
        found = bundle.model(**inputs, output_attentions=True)
        torch.testing.assert_close(found[0], original(**inputs)[0], atol=2e-5, rtol=2e-5)
    if "attentions" not in bundle.capability.provides:
        return
    layers = read_attentions(found)
    assert len(layers) == 2
    size = inputs["input_ids"].shape[-1] if kind in TEXT else layers[0].shape[-1]
    for layer in layers:
        assert layer.shape == (1, 4, size, size)
        torch.testing.assert_close(layer.sum(-1), torch.ones(1, 4, size))


@pytest.mark.parametrize("kind", ["bert", "llama", "vit", "bart"])
def test_a_model_that_the_caller_loaded_otherwise_keeps_its_attention_and_is_told_what_to_do(kind):
    model, reader = tiny(kind)
    found = Bundle.of(model, reader).capability
    assert model.config._attn_implementation == "sdpa"
    assert found.provides.isdisjoint({"attentions", "zeroing"})
    why = (
        "It was loaded with sdpa attention, which does not return its weights. "
        "Load it with attn_implementation='eager'."
    )
    assert {"attentions": why, "zeroing": why}.items() <= dict(found.reasons).items()


VALUED = [(kind, task) for kind, task in CASES if kind not in (*WINDOWED, *NETS)]


@pytest.mark.parametrize(("kind", "task"), VALUED)
def test_zeroed_values_change_what_is_said_and_not_the_attention_of_their_layer(kind, task):
    bundle = bundle_of(kind, task)
    inputs = inputs_of(bundle)
    parts = {"", "encoder"} if not bundle.model.config.is_encoder_decoder else {"encoder", "decoder", "cross"}
    assert {values.part for values in bundle.capability.values} <= parts
    own = [values for values in bundle.capability.values if values.part in ("", "encoder")]
    assert len(own) == 2

    def told(values, tokens):
        with values.zero(tokens):
            return bundle.model(**inputs, output_attentions=True)

    with torch.no_grad():
        plain = bundle.model(**inputs, output_attentions=True)
        for number, values in enumerate(own):
            some = [told(values, tokens) for tokens in (slice(None), slice(0, 4), slice(4, None))]
            weights = read_attentions(plain)[number]
            assert all(torch.equal(read_attentions(other)[number], weights) for other in some)
            changed = [not torch.equal(other[0], plain[0]) for other in some]
            assert changed[0]
            assert any(changed[1:])  # a class token may attend to one half only
        assert torch.equal(bundle.model(**inputs)[0], plain[0])


def test_the_zeroed_value_of_a_token_is_attention_without_its_column():
    """What a head of BERT passes on is A V: here with row 4 of V, so column 4 of A, zero."""
    bundle = bundle_of("bert")
    inputs, (values, _), own = inputs_of(bundle), bundle.capability.values, []
    handle = bundle.model.bert.encoder.layer[0].attention.self.register_forward_hook(
        lambda _, __, output: own.append(output[0])
    )
    table = []
    other = values.module.register_forward_hook(lambda _, __, output: table.append(output))
    with torch.no_grad():
        weights = bundle.model(**inputs, output_attentions=True).attentions[0][0]  # (H, F, F)
        with values.zero([4]):
            bundle.model(**inputs)
    handle.remove()
    other.remove()
    without = weights.clone()
    without[:, :, 4] = 0.0
    heads = table[0].reshape(-1, 4, 8).transpose(0, 1)  # (H, F, 8)
    for found, expected in zip(own, (weights, without), strict=True):
        torch.testing.assert_close(found[0], (expected @ heads).transpose(0, 1).reshape(-1, 32))


@pytest.mark.parametrize(("kind", "columns"), [("gpt2", slice(64, 96)), ("gpt_neox", None), ("llama", slice(0, 16))])
def test_the_values_of_a_layer_that_makes_queries_and_keys_too_are_in_their_columns(kind, columns):
    """GPT-2 has q, k and v of 32 columns each; GPT-NeoX 8 columns of each, head by head; Llama a layer of its own."""
    every = torch.arange(96)
    by_head = every[every % 24 >= 16]
    expected = by_head if columns is None else every[columns]
    found = bundle_of(kind).capability.values
    assert [values.columns.tolist() for values in found] == [expected.tolist()] * 2


def test_a_layer_that_runs_twice_is_changed_in_the_pass_that_is_meant():
    bundle = bundle_of("albert")
    one, other = bundle.capability.values
    assert one.module is other.module
    assert (one.call, other.call) == (0, 1)
    inputs, seen = inputs_of(bundle), []
    handle = one.module.register_forward_hook(lambda _, __, output: seen.append(bool(output.any())))
    with torch.no_grad():
        for values, expected in ((one, [True, True]), (other, [True, True])):
            with values.zero():
                changed = bundle.model(**inputs, output_attentions=True)
            assert seen == expected  # the hook of before sees the layer as it is
            seen.clear()
            assert torch.equal(changed.attentions[1], bundle.model(**inputs, output_attentions=True).attentions[1]) is (
                values is other
            )
            seen.clear()
    handle.remove()


def test_a_layer_that_is_only_called_value_is_not_taken_for_one():
    bundle = bundle_of("bert")
    for layer in bundle.model.bert.encoder.layer:
        own = layer.attention.self
        own.key, own.value = own.value, own.key
        forward = own.forward

        def crossed(*args, own=own, forward=forward, **kwargs):
            own.key, own.value = own.value, own.key
            try:
                return forward(*args, **kwargs)
            finally:
                own.key, own.value = own.value, own.key

        own.forward = crossed
    found = bundle.capability
    assert "attentions" in found.provides
    assert dict(found.reasons)["zeroing"] == "Its value projections could not be identified."


@pytest.mark.parametrize("kind", NETS)
def test_the_map_of_a_net_is_what_its_head_reads(kind):
    bundle = bundle_of(kind)
    inputs, maps = inputs_of(bundle), []
    _, probe = watch(bundle.model, inputs["pixel_values"], lambda: bundle.model(**inputs))
    handle = probe.find_last_map((32, 32)).register_forward_hook(lambda _, __, output: maps.append(output))
    with torch.no_grad():
        said = bundle.model(**inputs).logits
    handle.remove()
    (found,) = maps
    assert found.shape[:2] == (1, 16)
    assert min(found.shape[2:]) > 1
    pooled = found.mean((2, 3))
    norm = getattr(getattr(bundle.model, "convnext", None), "layernorm", torch.nn.Identity())
    torch.testing.assert_close(torch.nn.Sequential(norm, bundle.model.classifier)(pooled), said)


@pytest.mark.parametrize("kind", IMAGES)
def test_capability_and_explanation_agree_on_the_last_convolutional_map(kind):
    bundle = bundle_of(kind)
    request = Request("image_classification", kind, {"image": PHOTOGRAPHS[0].picture})
    found = TASKS["image_classification"].encode(bundle, validate(request)[0], Run())
    assert ("conv" in bundle.capability.provides) is (found.internals.conv is not None) is (kind in NETS)


@pytest.mark.parametrize("kind", TEXT)
def test_the_most_tokens_are_those_that_the_model_can_take(kind):
    bundle = bundle_of(kind)
    longest = bundle.embeddings.longest
    first = 2 if kind in ("roberta", "xlm-roberta", "camembert", "mpnet", "longformer") else 0
    assert longest == (512 if kind == "t5" else 128 - first)
    inputs = bundle.tokenizer("a " * 600, truncation=True, max_length=longest, return_tensors="pt")
    assert inputs["input_ids"].shape[-1] == longest
    written = {"decoder_input_ids": torch.tensor([[1, 2]])} if kind == "marian" else {}
    with torch.no_grad():
        assert bool(bundle.model(**inputs, **written)[0].isfinite().all())


@pytest.mark.parametrize(("kind", "task"), [(kind, task) for kind, task in CASES if kind in TEXT])
def test_the_embeddings_that_run_are_those_of_the_encoder_and_the_decoder(kind, task):
    bundle = bundle_of(kind, task)
    found = bundle.embeddings
    assert (found.decoder is not None) is (kind in TRANSLATORS)
    if kind in TRANSLATORS:
        assert any(found.word is module for module in bundle.model.get_encoder().modules())
        assert any(found.decoder is module for module in bundle.model.get_decoder().modules())
