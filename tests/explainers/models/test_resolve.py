"""A folder with a fitting model is explained; any other is refused before its weights are read."""

import json
from functools import partial

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, BertForMaskedLM, BertForSequenceClassification

from explainers import explain
from explainers.errors import ExplainerError, Incompatible, LimitReached, ModelNotFound, ModelRefused
from explainers.loading import lease, load
from explainers.models.loading import find_loaded
from explainers.models.resolve import find_card
from explainers.settings import read_settings
from tests.support.hub import assert_same, clear_models, make_request, save_tiny
from tests.support.tiny import CONFIGS, SMALL


def explained(folder):
    return explain(make_request(folder))


@pytest.fixture(autouse=True)
def server(monkeypatch):
    """Starts the server anew: an empty memory, and other settings if any are given."""
    start = partial(clear_models, monkeypatch)
    start()
    return start


@pytest.fixture
def folder(tmp_path):
    return save_tiny("bert", tmp_path / "model")


@pytest.fixture
def unread(monkeypatch):
    """No weights may be read: transformers' loader fails the test."""

    def loader(*_, **__):
        raise BaseException("weights were read")

    monkeypatch.setattr(transformers.AutoModelForSequenceClassification, "from_pretrained", loader)


def edited(folder, **changes):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))
    return folder


@pytest.mark.parametrize("kind", list(CONFIGS))
def test_a_saved_model_is_explained_as_the_one_in_memory(kind, tmp_path):
    assert_same(explained(save_tiny(kind, tmp_path / "model")), kind)


def test_a_model_in_shards_is_explained_as_the_one_in_memory(tmp_path):
    folder = save_tiny("bert", tmp_path / "model", max_shard_size="20KB")
    assert len(list(folder.glob("model-*-of-*.safetensors"))) > 1
    assert_same(explained(folder), "bert")


def test_a_loaded_model_is_shared_and_read_only(folder):
    card = find_card(str(folder), "text_classification", read_settings({}))
    assert find_loaded(card) is None
    bundle = load(card)
    with lease(card) as leased:
        assert leased is bundle is find_loaded(card)
    assert not bundle.model.training
    assert not any(parameter.requires_grad for parameter in bundle.model.parameters())
    assert not bundle.lock.locked()


def test_a_folder_may_be_given_from_the_home_folder_or_from_here(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder.parent))
    monkeypatch.chdir(folder.parent)
    assert_same(explained("~/model"), "bert")
    assert_same(explained("./model"), "bert")


def test_a_model_for_another_task_is_refused_with_what_it_is_for(folder, unread):
    config = AutoConfig.for_model("bert", **SMALL, vocab_size=99)
    BertForMaskedLM(config).save_pretrained(folder)
    with pytest.raises(Incompatible, match="made for BertForMaskedLM, not for this task"):
        explained(folder)


@pytest.mark.parametrize("made", [None, [], "BertForSequenceClassification", [7], {"a": 1}])
def test_a_config_that_names_no_fitting_architecture_is_refused(folder, unread, made):
    with pytest.raises(Incompatible, match="not for this task"):
        explained(edited(folder, architectures=made))


def test_a_model_without_the_weights_of_its_head_is_refused(folder):
    file = folder / "model.safetensors"
    save_file({name: part for name, part in load_file(file).items() if "classifier" not in name}, file)
    with pytest.raises(Incompatible, match=r"lacks the weights classifier\.bias"):
        explained(folder)


def test_weights_of_another_shape_than_the_config_says_are_refused(folder):
    with pytest.raises(Incompatible, match="another shape than its config"):
        explained(edited(folder, intermediate_size=64))


def test_pickled_weights_are_refused_with_a_way_out(folder, unread):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelRefused, match=r"no weights as safetensors.*convert it yourself and give the folder"):
        explained(folder)


@pytest.mark.parametrize("damage", ["cut", "empty", "pointer", "header"])
def test_damaged_weights_are_refused_as_damaged(folder, unread, damage):
    file = folder / "model.safetensors"
    whole = file.read_bytes()
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a21\nsize 133508404\n"
    broken = {"cut": whole[:-9], "empty": b"", "pointer": pointer, "header": whole[:8] + b"[" + whole[9:]}
    file.write_bytes(broken[damage])
    with pytest.raises(Incompatible, match=r"A weight file of model is damaged\. Copy or download it again\."):
        explained(folder)


def test_a_missing_shard_is_named(tmp_path, unread):
    folder = save_tiny("bert", tmp_path / "model", max_shard_size="20KB")
    lost = sorted(folder.glob("model-*-of-*.safetensors"))[1]
    lost.unlink()
    with pytest.raises(Incompatible, match=f"lacks '{lost.name}'"):
        explained(folder)


@pytest.mark.parametrize("index", ["{", "[]", "{}", '{"weight_map": {}}', '{"weight_map": []}', None])
def test_a_damaged_or_missing_index_of_shards_is_refused(tmp_path, unread, index):
    folder = save_tiny("bert", tmp_path / "model", max_shard_size="20KB")
    file = folder / "model.safetensors.index.json"
    file.unlink() if index is None else file.write_text(index)
    with pytest.raises(Incompatible, match=r"model\.safetensors\.index\.json"):
        explained(folder)


@pytest.mark.parametrize("elsewhere", ["../other.safetensors", "/etc/passwd", "sub/model-00001-of-00002.safetensors"])
def test_an_index_cannot_point_out_of_its_folder(tmp_path, unread, elsewhere):
    folder = save_tiny("bert", tmp_path / "model", max_shard_size="20KB")
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": elsewhere}}))
    with pytest.raises(Incompatible, match="lacks"):
        explained(folder)


@pytest.mark.parametrize("text", [b"{", b"", b"[]", b"7", b"\xff\xfe", b"[" * 100_000])
def test_a_damaged_config_is_refused_as_damaged(folder, unread, text):
    (folder / "config.json").write_bytes(text)
    with pytest.raises(Incompatible, match=r"The config\.json of model is damaged"):
        explained(folder)


def test_a_folder_without_a_tokenizer_is_refused_though_transformers_makes_an_empty_one(folder):
    for file in folder.glob("*token*"):
        file.unlink()
    with pytest.raises(Incompatible, match=r"model has no tokenizer\. Save one beside it"):
        explained(folder)


@pytest.mark.parametrize(
    ("file", "changes"),
    [
        ("config.json", {"num_attention_heads": 5}),
        ("config.json", {"hidden_size": "many"}),
        ("config.json", {"hidden_act": "nonsense"}),
        ("tokenizer.json", {"model": 7}),
    ],
)
def test_files_that_transformers_cannot_load_are_one_error_of_ours_without_paths(folder, file, changes):
    content = json.loads((folder / file).read_text())
    (folder / file).write_text(json.dumps(content | changes))
    with pytest.raises(Incompatible, match="transformers cannot load model") as caught:
        explained(folder)
    assert str(folder) not in str(caught.value)


def large(folder, dtype=torch.float32):
    """A model of 2.6 MB as float32, and what it takes in bytes."""
    config = AutoConfig.for_model("bert", **SMALL | {"max_position_embeddings": 20_000}, vocab_size=99)
    model = BertForSequenceClassification(config)
    model.to(dtype).save_pretrained(folder)
    return 4 * sum(part.numel() for part in model.parameters())


def test_a_model_over_the_memory_setting_is_refused_before_its_weights_are_read(tmp_path, server, unread):
    needed = large(tmp_path / "model") / 1e6
    server(MODEL_MEGABYTES="2")
    with pytest.raises(LimitReached, match=rf"needs {needed:.0f} MB .* allows 2 MB .* WHEREFORE_MODEL_MEGABYTES"):
        explained(tmp_path / "model")


def test_the_memory_is_computed_for_float32_whatever_the_file_contains(tmp_path, server, unread):
    large(tmp_path / "model", torch.float16)
    assert (tmp_path / "model" / "model.safetensors").stat().st_size < 2_000_000
    server(MODEL_MEGABYTES="2")
    with pytest.raises(LimitReached):
        explained(tmp_path / "model")


@pytest.mark.parametrize(
    "model",
    [
        "../../etc",
        "/etc",
        "/no/such/folder",
        "~nobody-of-this-name/model",
        "./" + "a" * 10_000,
        "./a\0b",
        "~",
        "/",
        "a/../b",
        "org/name/../../x",
        "org/name@../../x",
        "org\\name",
        "org/na me",
        "org/name\n",
        "a\0b",
        "org/" + "a" * 10_000,
        "a" * 10_000,
        "file:///etc/passwd",
        "https://example.org/model",
        "",
        "@",
    ],
)
def test_a_name_that_is_no_model_is_not_found(model):
    with pytest.raises(ModelNotFound) as caught:
        explained(model)
    assert len(str(caught.value)) < 300


def test_the_public_profile_offers_only_the_catalogue_and_names_no_path(folder, server, unread):
    server(PROFILE="public")
    for model in (str(folder), "./model", "~/model", "bert-base-uncased", "org/name@main", "sentiment/../x", "a" * 999):
        with pytest.raises(ModelNotFound, match="only the models on its list") as caught:
            explained(model)
        assert model[:50] in str(caught.value)  # what the visitor typed, and nothing that they did not
        assert str(caught.value).count("/") == model[:100].count("/")


def test_a_public_server_that_offers_any_model_still_opens_no_folder(folder):
    offering = read_settings({"WHEREFORE_PROFILE": "public", "WHEREFORE_ANY_MODEL": "true"})
    assert find_card("some/model", "text_classification", offering).source == "hub"
    with pytest.raises(ModelNotFound, match="neither a model's name"):
        find_card(str(folder), "text_classification", offering)


def test_a_listed_model_for_another_task_says_what_it_is_for(monkeypatch, server):
    server(PROFILE="public")
    with pytest.raises(Incompatible, match=r"is a model for text classification\. Choose one for fill mask\."):
        find_card("sentiment", "fill_mask", read_settings({}))


def test_every_refusal_is_an_error_that_pages_catch():
    refusals = (Incompatible, LimitReached, ModelNotFound, ModelRefused)
    assert all(issubclass(error, ExplainerError) for error in refusals)
