"""The Job that makes a bundled model: its base, its recipe, its data and its scores."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import Tensor, nn
from transformers import AutoConfig, AutoTokenizer, PretrainedConfig, PreTrainedModel

from training.batches import Example

Scores = dict[str, float]
LossOf = Callable[[nn.Module, dict[str, Tensor]], Tensor]
"""The loss of a model on a batch."""
Reader = Any
"""A tokenizer, or an image processor."""


@dataclass(frozen=True)
class Base:
    """Weights that adapters are trained on."""

    name: str
    """What adapter_config.json calls them."""
    layers: str
    """Which linear layers get an adapter: a regular expression for their whole names."""
    config: Callable[[Path], PretrainedConfig]
    load: Callable[[PretrainedConfig, Path], PreTrainedModel]
    """The weights under the head that the config's architecture has."""
    reader: Callable[[Path], Reader]


@dataclass(frozen=True)
class Recipe:
    """The numbers of one training run."""

    epochs: int = 3
    rate: float = 4e-4
    head_rate: float = 1e-3
    size: int = 32
    warm_up: float = 0.06
    rank: int = 16
    dropout: float = 0.1
    decay: float = 0.01
    memory: float = 0.0
    """Decay of the running average of the weights, which is what gets saved; 0 saves the last weights."""
    seed: int = 1


def load_pretrained(config: PretrainedConfig, base: Path) -> PreTrainedModel:
    """Load the weights of a folder with transformers."""
    architecture = getattr(transformers, config.architectures[0])
    return architecture.from_pretrained(base, config=config, dtype=torch.float32)


MINILM = Base(
    name="sentence-transformers/all-MiniLM-L6-v2",
    layers=r".*\.layer\.\d+\.(attention\.(self\.(query|key|value)|output\.dense)|intermediate\.dense|output\.dense)",
    config=AutoConfig.from_pretrained,
    load=load_pretrained,
    reader=AutoTokenizer.from_pretrained,
)


def compute_own_loss(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
    """Return the loss that the model itself computes from its labels."""
    return model(**batch).loss


def tune_nothing(model: PreTrainedModel, reader: Reader, data: Path) -> dict[str, Any]:
    """Return no fields for config.json."""
    return {}


def prepare_nothing(model: nn.Module, examples: Sequence[Example]) -> None:
    """Leave the model as it is."""


@dataclass(frozen=True)
class Job:
    """One model to be made: its architecture, labels, examples and scores."""

    key: str
    architecture: str
    head: tuple[str, ...]
    """Modules that are trained in full and saved with the adapter."""
    examples: Callable[[Path, Reader], Sequence[Example]]
    """The training examples."""
    scores: Callable[[PreTrainedModel, Reader, Path, str], Scores]
    """The scores of a model on the split "dev" or "test"."""
    labels: tuple[str, ...] = ()
    problem_type: str | None = None
    loss: LossOf = compute_own_loss
    prepare: Callable[[nn.Module, Sequence[Example]], None] = prepare_nothing
    """What is done to the fresh model before it is trained."""
    tune: Callable[[PreTrainedModel, Reader, Path], dict[str, Any]] = tune_nothing
    """Fields for config.json that are found on the dev split after training."""
    recipe: Recipe = field(default_factory=Recipe)
    base: Base = MINILM
