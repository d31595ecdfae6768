"""Code in a model's files, as a pickle or as Python, is never run."""

import json
import os
import pickle

import pytest

from explainers import explain
from explainers.errors import Incompatible, ModelRefused
from tests.support.hub import clear_models, make_request, save_tiny


@pytest.fixture(autouse=True)
def anew(monkeypatch):
    clear_models(monkeypatch)


@pytest.fixture
def folder(tmp_path):
    return save_tiny("bert", tmp_path / "model")


def explained(folder):
    return explain(make_request(folder))


def edited(folder, **changes):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))
    return folder


class Trap:
    """A pickle that writes a file when it is opened."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_the_malicious_pickle_of_these_tests_works(tmp_path):
    pickle.loads(pickle.dumps(Trap(tmp_path / "sprung")))
    assert (tmp_path / "sprung").is_dir()


@pytest.mark.parametrize("hidden", ["alone", "in the index", "in the config", "beside", "as safetensors"])
def test_a_pickle_is_never_opened(folder, tmp_path, hidden):
    trap = pickle.dumps(Trap(tmp_path / "sprung"))
    weights = folder / "model.safetensors"
    names = {"in the config": "adapter_model.bin", "as safetensors": "model.safetensors"}
    whole = weights.read_bytes()
    (folder / names.get(hidden, "pytorch_model.bin")).write_bytes(trap)
    (folder / "vocab.pkl").write_bytes(trap)
    expected = ModelRefused
    match hidden:
        case "alone":
            weights.unlink()
        case "in the index":
            weights.rename(folder / "model-00001-of-00001.safetensors")
            index = {"metadata": {}, "weight_map": dict.fromkeys(load_file_names(whole), "pytorch_model.bin")}
            (folder / "model.safetensors.index.json").write_text(json.dumps(index))
            expected = Incompatible
        case "in the config":
            edited(folder, transformers_weights="adapter_model.bin")
        case "as safetensors":
            expected = Incompatible
    if hidden == "beside":
        explained(folder)
    else:
        with pytest.raises(expected):
            explained(folder)
    assert not (tmp_path / "sprung").exists()


def load_file_names(whole):
    length = int.from_bytes(whole[:8], "little")
    return [name for name in json.loads(whole[8 : 8 + length]) if name != "__metadata__"]


@pytest.mark.parametrize("kind", ["my-own-net", None, 7, ["bert"], {"bert": 1}])
def test_a_model_with_its_own_code_is_refused_and_an_unknown_type_is_named(folder, tmp_path, kind):
    (folder / "code.py").write_text(f"import os\nos.mkdir({str(tmp_path / 'sprung')!r})\nclass Model: pass\n")
    with pytest.raises(Incompatible, match="which this version of transformers does not know"):
        explained(edited(folder, model_type=kind))
    own = {"AutoConfig": "code.Model", "AutoModelForSequenceClassification": "code.Model"}
    with pytest.raises(ModelRefused, match="runs no code from a model's repository"):
        explained(edited(folder, model_type=kind, auto_map=own))
    assert not (tmp_path / "sprung").exists()


def test_the_code_beside_a_model_that_transformers_knows_is_not_run(folder, tmp_path):
    (folder / "code.py").write_text(f"import os\nos.mkdir({str(tmp_path / 'sprung')!r})\nclass Model: pass\n")
    own = dict.fromkeys(("AutoConfig", "AutoModelForSequenceClassification"), "code.Model")
    explained(edited(folder, auto_map=own | {"AutoTokenizer": ["code.Model", None]}))
    assert not (tmp_path / "sprung").exists()
