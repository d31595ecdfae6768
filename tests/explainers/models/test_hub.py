"""Models are loaded from a hub on the loopback address by the real client.

Its failures and refusals have a file of their own.
"""

import logging
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from huggingface_hub import constants
from huggingface_hub.utils._xet_progress_reporting import XetDownloadProgressReporter

from explainers import explain
from explainers.errors import ExplainerError
from explainers.export.html import to_html
from explainers.export.serialize import to_csv, to_json
from explainers.models import hub as client
from explainers.models.local import FoundModel
from explainers.models.resolve import find_card
from explainers.progress import Meter
from explainers.request import pack
from explainers.settings import read_settings
from tests.support.hub import CANARY, NAME, assert_same, make_request, read_files, save_tiny

pytestmark = pytest.mark.usefixtures("anew")


@pytest.mark.parametrize("kind", ["bert", "roberta", "deberta-v2"])
def test_a_model_on_the_hub_is_explained_as_the_one_in_memory(hub, tmp_path, kind):
    commit = hub.publish(NAME, read_files(save_tiny(kind, tmp_path / "model")))
    found = explain(make_request())
    assert_same(found, kind)
    assert dict(found.about)["revision"] == commit


def test_a_model_in_shards_is_explained_as_the_one_in_memory(hub, tmp_path):
    shards = read_files(save_tiny("bert", tmp_path / "model", max_shard_size="20KB"))
    assert sum(name.startswith("model-") for name in shards) > 1
    hub.publish(NAME, shards)
    assert_same(explain(make_request()), "bert")


def test_a_name_without_an_owner_is_found(hub, bert):
    hub.publish("some-model", bert)
    assert_same(explain(make_request("some-model")), "bert")


def test_only_what_is_needed_is_downloaded(hub, bert):
    others = ("pytorch_model.bin", "model.onnx", "onnx/model.safetensors", "sub/tokenizer.json", "code.py", "vocab.pkl")
    hub.publish(NAME, bert | dict.fromkeys(others, b"never"))
    explain(make_request())
    assert [name for name in others if hub.asked_for(name)] == []
    assert hub.asked_for("model.safetensors") == 2  # its head, and itself


def test_the_second_time_nothing_is_downloaded(hub, bert, anew):
    hub.publish(NAME, bert)
    explain(make_request())
    fetched = sum(method == "GET" and "resolve" in path for method, path in hub.asked)
    anew()
    assert_same(explain(make_request()), "bert")
    assert sum(method == "GET" and "resolve" in path for method, path in hub.asked) == fetched


def test_the_revision_asked_for_is_the_one_loaded_and_named(hub, tmp_path, anew):
    first = hub.publish(NAME, read_files(save_tiny("bert", tmp_path / "three", 3)), ref="v1")
    second = hub.publish(NAME, read_files(save_tiny("bert", tmp_path / "two", 2)))
    assert first != second
    for revision, commit, labels in (("v1", first, 3), (first, first, 3), (first[:7], first, 3), ("main", second, 2)):
        anew()
        found = explain(make_request(f"{NAME}@{revision}"))
        assert dict(found.about)["revision"] == commit
        assert len(found.prediction.targets) == labels
        assert_same(found, "bert", labels)


def test_a_branch_is_followed_to_its_newest_commit(hub, tmp_path, anew):
    first = hub.publish(NAME, read_files(save_tiny("bert", tmp_path / "three", 3)))
    assert dict(explain(make_request()).about)["revision"] == first
    second = hub.publish(NAME, read_files(save_tiny("bert", tmp_path / "two", 2)))
    anew()
    assert dict(explain(make_request()).about)["revision"] == second


def test_a_push_between_two_requests_cannot_mix_two_commits(hub, tmp_path):
    first = hub.publish(NAME, read_files(save_tiny("bert", tmp_path / "three", 3)))

    def push(path):
        if path.startswith("/api/models/"):  # the list of files is about to be sent
            hub.publish(NAME, two)

    two = read_files(save_tiny("bert", tmp_path / "two", 2))
    hub.hold = push
    found = explain(make_request())
    assert dict(found.about)["revision"] == first
    assert_same(found, "bert", 3)


def test_a_model_that_was_fetched_once_is_explained_without_the_hub(hub, bert, anew, monkeypatch):
    commit = hub.publish(NAME, bert)
    explain(make_request())
    for broken in ({"status": 503}, {"status": 0, "portal": b"<html>Please log in to the hotel</html>"}):
        for name, value in broken.items():
            setattr(hub, name, value)
        anew()
        found = explain(make_request())
        assert_same(found, "bert")
        assert dict(found.about)["revision"] == commit
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    anew()
    assert_same(explain(make_request()), "bert")


def test_the_token_is_sent_but_in_no_error_log_link_or_export(hub, bert, anew, monkeypatch, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("HF_TOKEN", CANARY)
    hub.publish(NAME, bert)
    found = explain(make_request())
    said = [repr(found), to_html(found), to_json(found), to_csv(found), repr(pack(found.request.to_query()))]
    hub.publish("somebody/gated", bert, gated=True)
    hub.publish("somebody/damaged", bert | {"tokenizer.json": b"{}"})
    for model, status in (
        ("somebody/gated", 0),
        ("somebody/damaged", 0),
        ("somebody/none", 0),
        (f"{NAME}@v9", 0),
        *((f"{NAME}@{status}", status) for status in (401, 403, 404, 500)),
    ):
        hub.status = status
        with pytest.raises(ExplainerError) as caught:
            explain(make_request(model))
        said.append(str(caught.value))
    said += [caplog.text, *capfd.readouterr()]
    assert hub.tokens == {f"Bearer {CANARY}"}
    assert "somebody/damaged" in caplog.text
    assert all(CANARY not in text for text in said)


def test_errors_name_no_path_of_this_machine(hub, bert, tmp_path):
    hub.publish("somebody/damaged", bert | {"tokenizer.json": b"{}"})
    hub.publish("somebody/broken", bert | {"model.safetensors": b"\xff" * 999})
    hub.publish("somebody/config", bert | {"config.json": b"{"})
    for model in ("somebody/damaged", "somebody/broken", "somebody/config", "somebody/none"):
        with pytest.raises(ExplainerError) as caught:
            explain(make_request(model))
        assert str(tmp_path) not in str(caught.value)


@pytest.mark.slow
def test_a_new_process_finds_the_hub_the_cache_and_the_token_by_their_variables(hub, bert, tmp_path):
    commit = hub.publish(NAME, bert)
    script = (
        "from explainers import Request, explain\n"
        f"found = explain(Request('text_classification', {NAME!r}, {{'text': 'I love you'}}, 'saliency'))\n"
        "print(dict(found.about)['revision'])\n"
    )
    variables = {"HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path / "home"), "HF_TOKEN": CANARY}
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | variables,
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.stdout.strip() == commit, done.stderr
    assert (tmp_path / "home" / "hub" / "models--somebody--some-model").is_dir()
    assert hub.tokens == {f"Bearer {CANARY}"}
    assert CANARY not in done.stdout + done.stderr


def test_the_share_of_a_download_is_counted_once_by_either_protocol_of_the_hub(hub, bert, monkeypatch):
    hub.publish(NAME, bert)
    seen = []

    def xet(repository, name, *, tqdm_class=None, **more):
        if tqdm_class is not None:
            with XetDownloadProgressReporter(
                reconstruction_desc="", total=100, log_level=0, tqdm_class=tqdm_class
            ) as reporter:
                report = SimpleNamespace(
                    total_bytes_completed=60,
                    total_transfer_bytes_completed=80,
                    total_bytes_completion_rate=1.0,
                    total_transfer_bytes_completion_rate=1.0,
                    total_bytes=100,
                )
                reporter.update_progress(report)
            seen.append(meter.done)
        return f"/nowhere/{name}"

    monkeypatch.setattr(client, "hf_hub_download", xet)
    meter = Meter()
    card = find_card(NAME, "text_classification", read_settings({}))
    client.download(card, FoundModel(0, sizes={"a": 100, "b": 100}), meter)
    assert seen == [60, 160]
    assert (meter.done, meter.share) == (200, 1.0)
