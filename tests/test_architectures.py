"""The benchmark of architectures: small random models of transformers' types are explained as their own passes say."""

import time

import pytest
import torch

from bench.architectures import Verdict, judge, judge_types, make_report
from bench.brute_force import describe, equal
from bench.random_models import TASKS, list_types, make_random_model

QUICK = {  # a spread over families: where they read ids, how they count positions, what they are made of
    "text_classification": ("bert", "roberta", "deberta-v2", "bart", "t5", "gpt2", "xlnet", "mpnet", "lilt"),
    "token_classification": ("camembert", "esm", "ibert", "bloom"),
    "question_answering": ("electra", "big_bird", "longformer"),
    "fill_mask": ("albert", "modernbert", "fnet", "reformer"),
    "text_generation": ("llama", "gemma3", "mamba", "rwkv", "bert", "ctrl", "cpmant"),
    "translation": ("encoder-decoder", "t5gemma", "m2m_100"),
    "image_classification": ("vit", "resnet", "swin"),
}
REST = [(kind, task) for task in TASKS for kind in list_types(task) if kind not in QUICK[task]]


@pytest.mark.parametrize(("kind", "task"), [(kind, task) for task, kinds in QUICK.items() for kind in kinds])
def test_a_model_of_any_family_is_explained_by_what_its_own_passes_give(kind, task):
    verdict = judge(kind, task)
    assert (verdict.verdict, verdict.remark.partition(":")[0]) in (("right", ""), ("right", "no integrated gradients"))


@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.parametrize(("kind", "task"), REST)
def test_a_model_of_any_type_is_explained_rightly_or_refused(kind, task):
    assert judge(kind, task).verdict in ("right", "refused", "not alone")


def test_a_wrong_explanation_is_found(monkeypatch):
    def twice(model, inputs):
        output = model(**inputs)
        output.logits = 2 * output.logits
        return output

    monkeypatch.setattr("bench.brute_force.forward", torch.no_grad()(twice))
    verdict = judge("bert", "text_classification")
    assert verdict.verdict == "wrong"
    assert verdict.remark.startswith("F(x) is")


def test_a_change_of_the_model_is_found():
    model = make_random_model("bert", "text_classification").model
    before = describe(model)
    model.config.hidden_act = "relu"
    model.bert.embeddings.word_embeddings.weight.requires_grad = False
    changed = [name for name, value in describe(model).items() if not equal(value, before[name])]
    assert "bert.embeddings.word_embeddings.weight requires_grad" in changed
    assert " configuration" in changed


def test_a_crash_or_a_delay_ends_only_its_own_model(monkeypatch):
    def fail(kind, task, connection):
        if kind == "bert":
            raise SystemExit(3)
        if task == "fill_mask":
            connection.send("explaining")
            time.sleep(60)
        return Verdict(kind, task, "right", "")

    monkeypatch.setattr("bench.architectures.judge", fail)
    pairs = [("bert", "fill_mask"), ("gpt2", "fill_mask"), ("gpt2", "text_generation")]
    found = [(one.kind, one.verdict) for one in judge_types(pairs, 1.0)]
    assert found == [("bert", "not alone"), ("gpt2", "raw"), ("gpt2", "right")]


def test_the_share_of_right_ones_counts_those_that_run_alone():
    verdicts = [Verdict(str(i), "fill_mask", name, "why") for i, name in enumerate(["right", "refused", "not alone"])]
    assert "| fill_mask | 3 | 2 | 1 | 1 | 0 | 0 | 50.0% |" in make_report(verdicts)
