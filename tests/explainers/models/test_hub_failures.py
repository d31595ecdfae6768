"""A failing hub and models that must not be loaded: each has its own error, and no weights are requested.

The client is the real one, the server is on the loopback address.
"""

import json
import threading
from concurrent.futures import CancelledError
from types import SimpleNamespace

import pytest
import torch
from huggingface_hub import constants, file_download
from transformers import AutoConfig, BertForMaskedLM, BertForSequenceClassification

from explainers import explain
from explainers.errors import Incompatible, LimitReached, ModelNotFound, ModelRefused, Unreachable
from explainers.loading import lease
from explainers.models import hub as client
from explainers.models.local import FoundModel
from explainers.models.resolve import find_card
from explainers.progress import Meter
from explainers.settings import read_settings
from tests.support.hub import CANARY, NAME, assert_same, make_request, read_files, save_tiny
from tests.support.tiny import SMALL

pytestmark = pytest.mark.usefixtures("anew")


@pytest.fixture
def impatient(monkeypatch):
    """The client's pauses between its tries, without the pauses."""
    monkeypatch.setattr(file_download, "time", SimpleNamespace(sleep=lambda _: None))


def refused(error, words, model=NAME):
    with pytest.raises(error, match=words):
        explain(make_request(model))


def weights_asked(hub):
    return [path for _, path in hub.asked if ".safetensors" in path or ".bin" in path]


def test_a_gated_model_is_refused_with_what_to_do_with_and_without_a_token(hub, bert, monkeypatch):
    hub.publish(NAME, bert, gated=True)
    refused(ModelRefused, r"is gated: .* accept their terms .* HF_TOKEN")
    monkeypatch.setenv("HF_TOKEN", CANARY)
    refused(ModelRefused, r"is gated: .* accept their terms .* HF_TOKEN")
    assert hub.tokens == {"", f"Bearer {CANARY}"}


@pytest.mark.parametrize("status", [401, 403])
def test_a_token_that_the_hub_refuses_is_named_as_the_cause(hub, status):
    hub.status = status
    refused(ModelRefused, rf"status {status}\)\. Check that HF_TOKEN is valid")


def test_a_model_that_is_not_there_is_not_found(hub):
    refused(ModelNotFound, r"no model 'somebody/some-model', or it is private\. Check the spelling\.")
    refused(ModelNotFound, r"no model 'a--b/c'", "a--b/c")


def test_a_revision_that_is_not_there_is_named(hub, bert):
    hub.publish(NAME, bert)
    refused(ModelNotFound, "has no revision 'v9'", f"{NAME}@v9")


def test_a_repository_without_a_model_is_refused(hub):
    hub.publish(NAME, {"README.md": b"hello"})
    refused(Incompatible, "no config.json, so it is not a transformers model")


def test_pickled_weights_are_refused_and_never_asked_for(hub, bert):
    hub.publish(NAME, {"pytorch_model.bin" if "safe" in name else name: body for name, body in bert.items()})
    refused(ModelRefused, "no weights as safetensors")
    assert weights_asked(hub) == []


def test_a_model_with_code_of_its_own_is_refused_and_neither_code_nor_weights_are_asked_for(hub, bert):
    own = {"model_type": "my-own-net", "auto_map": {"AutoModelForSequenceClassification": "code.Model"}}
    config = json.dumps(json.loads(bert["config.json"]) | own).encode()
    hub.publish(NAME, bert | {"config.json": config, "code.py": b"raise SystemExit"})
    refused(ModelRefused, "runs no code from a model's repository")
    assert weights_asked(hub) == []
    assert hub.asked_for("code.py") == 0


def test_a_model_for_another_task_is_refused_before_its_weights_are_asked_for(hub, tmp_path):
    BertForMaskedLM(AutoConfig.for_model("bert", **SMALL, vocab_size=99)).save_pretrained(tmp_path / "masked")
    hub.publish(NAME, read_files(tmp_path / "masked"))
    refused(Incompatible, "made for BertForMaskedLM, not for this task")
    assert weights_asked(hub) == []


def test_an_image_model_without_its_processor_is_refused_before_its_weights_are_asked_for(hub, tmp_path):
    files = read_files(save_tiny("vit", tmp_path / "model"))
    hub.publish(NAME, {name: body for name, body in files.items() if name != "preprocessor_config.json"})
    with (
        pytest.raises(Incompatible, match=r"has no preprocessor_config\.json\. Save its image processor"),
        lease(find_card(NAME, "image_classification", read_settings({}))),
    ):
        pass
    assert weights_asked(hub) == []


@pytest.mark.parametrize(
    "model",
    [
        "owner/../../etc/passwd",
        "owner/name/../../other",
        "owner/name/config.json",
        "../owner/name",
        "owner/..",
        "owner/name@../../main",
        "owner/name@/etc",
        "owner/name?revision=x",
        "owner/name#main",
        "owner%2Fname",
        "owner/%2e%2e",
        "api/models/owner/name",
        "http://127.0.0.1/owner/name",
        "owner/name@main@v1",
    ],
)
def test_an_id_with_path_tricks_is_no_id_and_the_hub_is_asked_nothing(hub, tmp_path, model):
    refused(ModelNotFound, "neither a model's name|is not a folder", model)
    assert hub.asked == []
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("counted", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_a_model_over_the_memory_setting_is_refused_before_its_weights_are_asked_for(
    hub, tmp_path, anew, counted, dtype
):
    config = AutoConfig.for_model("bert", **SMALL | {"max_position_embeddings": 20_000}, vocab_size=99)
    model = BertForSequenceClassification(config).to(dtype)
    model.save_pretrained(tmp_path / "large")
    count = sum(part.numel() for part in model.parameters())  # 2.6 MB as float32
    hub.publish(NAME, read_files(tmp_path / "large"), parameters=count if counted else None)
    anew(MODEL_MEGABYTES="2")
    refused(LimitReached, "needs 3 MB of memory, and this server allows 2 MB")
    assert weights_asked(hub) == []


def test_a_model_larger_than_the_hub_said_is_not_loaded(hub, bert):
    hub.publish(NAME, bert, parameters=10)
    refused(LimitReached, "larger than the hub states")


def test_weights_that_came_damaged_are_refused_as_damaged(hub, bert):
    hub.publish(NAME, bert | {"model.safetensors": b"\xff" * 999})
    refused(Incompatible, "weight file of somebody/some-model is damaged")


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_hub_in_trouble_is_unreachable_and_its_status_is_named(hub, bert, status):
    hub.publish(NAME, bert)
    hub.status = status
    refused(Unreachable, rf"{NAME} with status {status}\. Try again later")
    hub.status = 0
    assert_same(explain(make_request()), "bert")


def test_an_html_page_instead_of_the_hub_is_unreachable(hub):
    hub.portal = b"<html>Please log in to the hotel</html>"
    refused(Unreachable, "the model hub does not answer")


def test_a_closed_port_is_unreachable(hub, monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    refused(Unreachable, r"the model hub does not answer\. .* choose a bundled model")
    assert hub.asked == []


def test_a_silent_hub_times_out_while_progress_is_reported(hub, monkeypatch):
    monkeypatch.setattr(client, "TIMEOUT", 0.7)
    hub.silent = True
    told = []
    with pytest.raises(Unreachable, match="the model hub does not answer"):
        explain(make_request(), progress=lambda what, share: told.append(what))
    assert len(told) >= 3
    assert set(told) == {f"Asking the model hub for {NAME}"}
    assert len(hub.asked) == 1  # no second try


def test_an_interrupted_connection_is_resumed(hub, bert, impatient, monkeypatch):
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1_000)
    hub.publish(NAME, bert)
    hub.cuts = {"model.safetensors": 1}
    assert_same(explain(make_request()), "bert")
    assert hub.ranges == [f"bytes={len(bert['model.safetensors']) // 2 // 1_000 * 1_000}-"]


def test_a_download_that_keeps_failing_is_unreachable_and_the_next_one_succeeds(hub, bert, impatient, tmp_path):
    hub.publish(NAME, bert)
    hub.cuts = {"model.safetensors": 1_000}
    refused(Unreachable, rf"The download of {NAME} was interrupted\. Try again")
    assert list((tmp_path / "cache").rglob("*.incomplete")) == []
    hub.cuts = {}
    assert_same(explain(make_request()), "bert")


def kept(cache):
    """The files that the cache holds, by the names that they have in the repository."""
    return {file.name: file.resolve() for file in (cache / "models--somebody--some-model").glob("snapshots/*/*")}


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
@pytest.mark.parametrize("reachable", [True, False])
def test_a_corrupted_file_is_deleted_and_downloaded_again(hub, bert, anew, tmp_path, name, reachable):
    hub.publish(NAME, bert)
    explain(make_request())
    whole = kept(tmp_path / "cache")
    body = bytearray(whole[name].read_bytes())
    body[-9] ^= 1  # a number of a weight, or a letter: nothing that a header would tell
    whole[name].write_bytes(body)
    anew()
    hub.status = 0 if reachable else 503
    lost = Incompatible if reachable or name != "config.json" else Unreachable
    refused(lost, rf"The {name} of {NAME} was damaged .* Try again" if lost is Incompatible else "status 503")
    assert not whole[name].exists()
    assert kept(tmp_path / "cache").keys() == whole.keys() - {name}
    assert all(file.exists() for other, file in whole.items() if other != name)
    hub.status, hub.asked = 0, []
    assert_same(explain(make_request()), "bert")
    assert [path for method, path in hub.asked if method == "GET" and name in path] != []
    assert hub.asked_for("model.safetensors") == (2 if name == "model.safetensors" else 0)


class Left(BaseException):
    """Raised when the user leaves."""


def test_a_download_reports_progress_and_can_be_cancelled(hub, bert, tmp_path):
    reached, go_on = threading.Event(), threading.Event()
    large = bert | {"merges.txt": b"\0" * 3_000_000}

    def hold(path):
        if path.endswith("model.safetensors"):
            reached.set()
            go_on.wait(20)

    def leave(what, share):
        told.append((what, share))
        if reached.is_set():
            raise Left

    told = []
    hub.publish(NAME, large)
    hub.hold = hold
    with pytest.raises(Left):
        explain(make_request(), progress=leave)
    what, share = told[-1]
    assert what == f"Downloading {NAME}"
    assert 0.9 < share < 1  # everything but the weights
    go_on.set()
    hub.hold = lambda path: None
    assert_same(explain(make_request()), "bert")


def test_a_cancelled_download_stops(hub, tmp_path):
    meter = Meter(stopped=True)
    hub.publish(NAME, {"model.safetensors": b"\0" * 1000})
    commit = hub.repositories[NAME].commit("main")
    card = find_card(NAME, "text_classification", read_settings({}))
    found = FoundModel(0, commit=commit, sizes={"model.safetensors": 1000})
    with pytest.raises(CancelledError):
        client.download(card, found, meter)
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file() and path.stat().st_size >= 1000] == []
