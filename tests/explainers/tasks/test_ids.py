"""What is shown for other ids is what the model's own forward pass says of them, wherever the model reads them."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
import transformers

from explainers import Bundle, Request, Target, attack, evaluate, explain
from explainers.errors import ExplainerError, Incompatible, Mismatch
from tests.support.tiny import GROUPED, SEQ2SEQ, SMALL, tiny, tokenizer_for

TEXT = "the cast is wonderful and the soup cold"
T5 = {"d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_heads": 4}
# Models whose decoder reads the text again, and those that call their embedding layer in a way of their own.
KINDS = {
    "bart": ("bart", SEQ2SEQ),
    "mbart": ("mbart", SEQ2SEQ),
    "plbart": ("bart", SEQ2SEQ),
    "mvp": ("bart", SEQ2SEQ),
    "t5": ("t5", T5),
    "umt5": ("t5", T5),
    "xlnet": ("xlm-roberta", {"d_model": 32, "n_layer": 2, "n_head": 4, "d_inner": 48}),
    "ibert": ("xlm-roberta", SMALL),
}


def make_model(kind, like, size, head="SequenceClassification", **changes):
    """Make a small random model of any architecture, with the tokenizer of one that has makers of its own."""
    tokenizer = tokenizer_for(like)
    ids = {f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("pad", "bos", "eos")}
    more = {"initializer_range": 0.3, "init_std": 0.3, "num_labels": 3, "vocab_size": len(tokenizer)}
    if kind in ("bart", "mbart", "plbart", "mvp", "led", "t5", "umt5"):
        more["decoder_start_token_id"] = tokenizer.pad_token_id if like == "t5" else tokenizer.eos_token_id
    config = transformers.AutoConfig.for_model(kind, **more | ids | size | changes)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        return getattr(transformers, f"AutoModelFor{head}").from_config(config).eval(), tokenizer


def ask(method, **params):
    return Request("text_classification", "x", {"text": TEXT}, method, Target(index=1), {"unit": "logit"} | params)


@torch.no_grad()
def run_on_ids(model, tokenizer, fill, **more):
    """Return F(x'), and F(x) - F(x with one token filled) for each token, by the model's own pass on ids."""
    ids = dict(tokenizer(TEXT, return_tensors="pt", return_special_tokens_mask=True))
    special, own = ids.pop("special_tokens_mask").bool(), ids["input_ids"]

    def logit(rows):
        return float(model(**ids | {"input_ids": rows} | more).logits[0, 1])

    blank = torch.where(special, own, fill)
    falls = [logit(own) - logit(torch.where(torch.arange(own.shape[1]) == i, blank, own)) for i in range(own.shape[1])]
    return logit(blank), np.array(falls)


def assert_right(model, tokenizer, fill="unk"):
    """Assert that occlusion is brute force on ids, and that integrated gradients begin at the baseline's own score."""
    bundle = Bundle.of(model, tokenizer)
    blank, falls = run_on_ids(model, tokenizer, getattr(tokenizer, f"{fill}_token_id"))
    found = explain(ask("occlusion", level="token", baseline=fill), bundle=bundle)
    np.testing.assert_allclose(found.scores[0], falls, atol=1e-5)
    assert np.abs(falls).max() > 0.01
    path = explain(ask("integrated_gradients", baseline=fill, tolerance=0.02), bundle=bundle)
    assert abs(float(path.baselines[0]) - blank) < 1e-5
    assert path.converged == (True,)
    assert not path.notices
    return bundle


@pytest.mark.parametrize("kind", KINDS)
def test_a_token_that_is_read_in_two_places_is_replaced_in_both(kind):
    assert_right(*make_model(kind, *KINDS[kind]))


def test_a_decoder_with_a_table_of_its_own_widens_the_embedding():
    model, tokenizer = make_model("bart", *KINDS["bart"])
    one = model.model.encoder.embed_tokens
    model.model.decoder.embed_tokens = copy.deepcopy(one)
    with torch.no_grad():
        model.model.decoder.embed_tokens.weight.mul_(-0.7).add_(0.1)
    bundle = assert_right(model, tokenizer)
    assert bundle.embeddings.tables == (one, model.model.decoder.embed_tokens)


@pytest.mark.parametrize("kind", ["bart", "led"])
def test_answers_of_encoder_decoder_models_are_those_of_ids(kind):
    limits = {"max_encoder_position_embeddings": 128, "max_decoder_position_embeddings": 128, "attention_window": 4}
    size = SEQ2SEQ | (limits if kind == "led" else {})
    model, tokenizer = make_model(kind, "bart", size, "QuestionAnswering", num_labels=2)
    pair = {"question": "who is good", "context": "the cast is wonderful"}
    params = {"unit": "logit", "baseline": "mask", "level": "token"}
    found = explain(
        Request("question_answering", "x", pair, "occlusion", params=params), bundle=Bundle.of(model, tokenizer)
    )
    row = [target.label for target in found.targets].index("start")
    place, ids = found.targets[row].position, dict(tokenizer(*pair.values(), return_tensors="pt"))
    rows = ids["input_ids"].clone()
    rows[0, 5] = tokenizer.mask_token_id
    with torch.no_grad():
        own, other = (model(**ids | {"input_ids": one}).start_logits[0, place] for one in (ids["input_ids"], rows))
    assert abs(float(found.scores[row, 5]) - float(own - other)) < 1e-5


@pytest.mark.parametrize("adapter", ["lora", "dora", "tokens"])
def test_an_adapter_on_the_embeddings_is_replaced_with_them(adapter):
    peft = pytest.importorskip("peft")
    model, tokenizer = tiny("bert")
    trained = tokenizer(TEXT)["input_ids"][2:5]
    more = {"trainable_token_indices": {"word_embeddings": trained}} if adapter == "tokens" else {}
    config = peft.LoraConfig(
        task_type="SEQ_CLS",
        target_modules=["query", *([] if more else ["word_embeddings"])],
        r=4,
        init_lora_weights=False,
        use_dora=adapter == "dora",
        **more,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        tuned = peft.get_peft_model(copy.deepcopy(model), config).eval()
        with torch.no_grad():
            for name, weight in tuned.named_parameters():
                if "trainable_tokens" in name:
                    weight.add_(torch.randn(weight.shape))
    bundle = assert_right(tuned, tokenizer, "pad")
    table = bundle.embeddings.tables[0]
    torch.testing.assert_close(explain_table(bundle)[trained], table(torch.tensor([trained]))[0])
    attack("hotflip", ask("saliency"), params={"flips": 1, "tries": 4}, bundle=bundle)


def explain_table(bundle):
    """Return the table from which methods choose words."""
    ids = bundle.tokenizer(TEXT, return_tensors="pt")["input_ids"]
    _, embedding = bundle.embeddings.watch([ids], lambda: bundle.model(ids))
    return embedding.table[:]


def test_ids_that_are_hashed_can_only_be_changed_as_ids():
    model, tokenizer = make_model("canine", "bert", SMALL)
    bundle = Bundle.of(model, tokenizer)
    _, falls = run_on_ids(model, tokenizer, tokenizer.mask_token_id)
    found = explain(ask("occlusion", level="token", baseline="mask"), bundle=bundle)
    np.testing.assert_allclose(found.scores[0], falls, atol=1e-5)
    assert evaluate(found, bundle=bundle).blank == pytest.approx(float(found.baselines[0]), abs=1e-5)
    assert not bundle.capability.provides & {"gradients", "layer", "table", "hidden"}
    for method in ("integrated_gradients", "saliency", "layer_integrated_gradients"):
        with pytest.raises(Incompatible, match="only these can be changed"):
            explain(ask(method), bundle=bundle)
    with pytest.raises(Incompatible, match="pad, mask, unk or text"):
        explain(ask("occlusion", baseline="zeros"), bundle=bundle)
    with pytest.raises(ExplainerError, match="no embedding table"):
        attack("hotflip", ask("saliency"), bundle=bundle)


def test_each_layers_own_table_is_replaced_too():
    layers = {"layer_types": ["sliding_attention", "full_attention"], "num_kv_shared_layers": 0, "head_dim": 8}
    more = {"hidden_size_per_layer_input": 8, "vocab_size_per_layer_input": len(tokenizer_for("gemma"))}
    model, tokenizer = make_model("gemma4_text", "gemma", GROUPED | layers | more, "CausalLM")
    inputs = {"prompt": "the soup was", "continuation": " cold"}
    request = Request("text_generation", "x", inputs, "input_x_gradient", params={"unit": "logit"})
    bundle = Bundle.of(model, tokenizer)
    assert [table.embedding_dim for table in bundle.embeddings.tables] == [32, 2 * 8] or len(
        bundle.embeddings.tables
    ) == 2
    found = explain(Request("text_generation", "x", inputs, "occlusion", params={"unit": "logit"}), bundle=bundle)
    ids, target = tokenizer("the soup was cold", return_tensors="pt")["input_ids"], found.targets[0]
    special = torch.tensor([feature.special for feature in found.features])
    with torch.no_grad():
        blank = model(torch.where(special, ids, tokenizer.unk_token_id)).logits[0, target.position - 1, target.index]
    assert abs(float(found.baselines[0]) - float(blank)) < 1e-5
    assert np.nanmax(np.abs(explain(request, bundle=bundle).scores)) > 0.001


def test_padding_that_shifts_positions_is_passed_on_ids_or_keeps_them_with_a_notice():
    model, tokenizer = tiny("roberta")
    bundle = Bundle.of(model, tokenizer)
    blank, falls = run_on_ids(model, tokenizer, tokenizer.pad_token_id)
    found = explain(ask("occlusion", level="token"), bundle=bundle)
    np.testing.assert_allclose(found.scores[0], falls, atol=1e-5)
    assert abs(float(found.baselines[0]) - blank) < 1e-5
    positions = torch.arange(len(falls))[None] + tokenizer.pad_token_id + 1
    in_place, _ = run_on_ids(model, tokenizer, tokenizer.pad_token_id, position_ids=positions)
    path = explain(ask("integrated_gradients"), bundle=bundle)
    assert abs(in_place - blank) > 0.01
    assert abs(float(path.baselines[0]) - in_place) < 1e-5
    assert any("keeps the position" in notice for notice in path.notices)
    assert not found.notices


def test_padding_that_ends_the_text_is_replaced_by_another_token_with_a_notice():
    model, tokenizer = tiny("llama")
    bundle = Bundle.of(model, tokenizer)
    blank, _ = run_on_ids(model, tokenizer, tokenizer.unk_token_id)
    path = explain(ask("integrated_gradients"), bundle=bundle)
    assert abs(float(path.baselines[0]) - blank) < 1e-5
    assert any("The baseline is the token <unk>" in notice for notice in path.notices)
    _, falls = run_on_ids(model, tokenizer, tokenizer.pad_token_id)
    np.testing.assert_allclose(explain(ask("occlusion", level="token"), bundle=bundle).scores[0], falls, atol=1e-5)


def test_a_text_as_baseline_that_the_model_reads_otherwise_is_refused_in_plain_words():
    bundle = Bundle.of(*tiny("llama"))
    with pytest.raises(Mismatch, match=r"Choose another baseline, or a method that does not use gradients"):
        explain(ask("integrated_gradients", baseline="text", baseline_text="soup"), bundle=bundle)


def test_a_baseline_that_the_model_cannot_run_is_refused_in_plain_words(monkeypatch):
    model, tokenizer = make_model("bart", "bart", SEQ2SEQ)
    bundle, forward = Bundle.of(model, tokenizer), model.forward
    bundle.embeddings  # noqa: B018 (its probe runs the model)

    def refuse(input_ids, **more):
        if (input_ids == tokenizer.mask_token_id).any():
            raise ValueError("All examples must have the same number of <eos> tokens.")
        return forward(input_ids, **more)

    monkeypatch.setattr(model, "forward", refuse)
    with pytest.raises(Mismatch, match=r"refuses the tokens of the baseline: All examples"):
        explain(ask("integrated_gradients", baseline="mask"), bundle=bundle)


def test_the_plain_pass_on_the_baseline_is_one_and_only_for_methods_that_have_one():
    model, tokenizer = tiny("bert")
    bundle, calls = Bundle.of(model, tokenizer), []
    explain(ask("saliency"), bundle=bundle)
    handle = model.register_forward_pre_hook(
        lambda _, __, kwargs: calls.append(len(kwargs["input_ids"])), with_kwargs=True
    )
    try:
        explain(ask("saliency"), bundle=bundle)
        assert calls == [1, 1, 1]  # the plain pass, F(x), and the gradient
        calls.clear()
        explain(ask("integrated_gradients", most_passes=20), bundle=bundle)
        assert calls[:3] == [1, 2, 1]  # the plain pass, F(x) and F(x'), and the plain pass on x'
        ours = replace(bundle, proven=set())  # as a model that nobody else can change
        ours.embeddings  # noqa: B018 (its probe runs the model)
        for again in (False, True):
            calls.clear()
            explain(ask("integrated_gradients", most_passes=20), bundle=ours)
            assert (calls[:2], calls[2] > 1) == ([1, 2], again)  # the second path begins at once
    finally:
        handle.remove()
