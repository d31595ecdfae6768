"""LoRA adapters: build, train, save, restore.

Each script of a model family defines a Job with its examples and its scores.
"""

import json
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.utils import get_peft_model_state_dict, set_peft_model_state_dict
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR
from transformers import AutoConfig, PretrainedConfig, PreTrainedModel

from training.batches import Example, collate, iterate_by_length, iterate_shuffled
from training.jobs import Job, LossOf, Recipe, Scores

INPUTS = ("input_ids", "token_type_ids", "attention_mask", "pixel_values")


def make_config(job: Job, base: Path) -> PretrainedConfig:
    """Return the configuration of the task's model, labels included."""
    config = job.base.config(base)
    if job.labels:
        config.id2label = dict(enumerate(job.labels))
        config.label2id = {name: i for i, name in enumerate(job.labels)}
    config.architectures = [job.architecture]
    config.problem_type = job.problem_type
    config.attention_probs_dropout_prob = 0.0
    config.hidden_dropout_prob = job.recipe.dropout
    return config


def build_model(job: Job, base: Path) -> PeftModel:
    """Build the base model with a new adapter and head, ready to train."""
    lora = LoraConfig(
        r=job.recipe.rank,
        lora_alpha=2 * job.recipe.rank,
        target_modules=job.base.layers,
        modules_to_save=list(job.head),
    )
    return get_peft_model(job.base.load(make_config(job, base), base), lora)


def make_optimizer(model: PeftModel, recipe: Recipe) -> AdamW:
    """Return AdamW with one rate for the adapter and one for the head."""
    trained = [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]
    adapter = [weight for name, weight in trained if "lora_" in name]
    head = [weight for name, weight in trained if "lora_" not in name]
    groups = [{"params": adapter, "lr": recipe.rate}, {"params": head, "lr": recipe.head_rate}]
    return AdamW(groups, weight_decay=recipe.decay)


def make_schedule(optimizer: Optimizer, recipe: Recipe, per_epoch: int, done: int = 0) -> LambdaLR:
    """Return the learning rate schedule: linear warm-up, then cosine decay to 0."""
    steps = recipe.epochs * per_epoch
    warm_up = round(recipe.warm_up * steps)

    def factor(step: int) -> float:
        at = step + done * per_epoch
        if at < warm_up:
            return (at + 1) / warm_up
        return 0.5 * (1 + math.cos(math.pi * (at - warm_up) / max(1, steps - warm_up)))

    return LambdaLR(optimizer, factor)


class WeightAverage:
    """The exponential running average of a model's trained weights."""

    def __init__(self, model: nn.Module, memory: float) -> None:
        self.weights = [weight for weight in model.parameters() if weight.requires_grad]
        self.means = [weight.detach().clone() for weight in self.weights]
        self.memory = memory

    @torch.no_grad()
    def update(self) -> None:
        """Update the average with the weights of one more step."""
        torch._foreach_lerp_(self.means, self.weights, 1 - self.memory)

    @torch.no_grad()
    def swap(self) -> None:
        """Exchange the model's weights with their averages; a second time undoes it."""
        for weight, mean in zip(self.weights, self.means, strict=True):
            kept = weight.clone()
            weight.copy_(mean)
            mean.copy_(kept)


def train(job: Job, base: Path, data: Path, out: Path, done: int = 0) -> None:
    """Train the job's adapter and save it to `out` after every epoch; `done` epochs are in `out` already."""
    recipe = job.recipe
    random = torch.Generator().manual_seed(recipe.seed + done)
    torch.manual_seed(recipe.seed + done)
    reader = job.base.reader(base)
    model = build_model(job, base)
    if done:
        set_peft_model_state_dict(model, load_file(out / "adapter_model.safetensors"))
    examples = job.examples(data, reader)
    if not done:
        job.prepare(model, examples)
    optimizer = make_optimizer(model, recipe)
    schedule = make_schedule(optimizer, recipe, math.ceil(len(examples) / recipe.size), done)
    average = WeightAverage(model, recipe.memory)
    print(f"{job.key}: {len(examples)} examples", flush=True)
    for epoch in range(done + 1, recipe.epochs + 1):
        start = time.monotonic()
        model.train()
        loss = 0.0
        for step, batch in enumerate(iterate_shuffled(examples, recipe.size, random)):
            loss += (take_step(model, batch, optimizer, schedule, job.loss) - loss) / (step + 1)
            average.update()
        rate = len(examples) / (time.monotonic() - start)
        print(f"epoch {epoch}: loss {loss:.4f}, {rate:.0f} examples/s", flush=True)
        average.swap()
        fields = job.tune(model.eval(), reader, data) if epoch == recipe.epochs else {}
        save_adapter(job, model, base, out, **fields)
        print_scores("  dev:", job.scores(model, reader, data, "dev"))
        average.swap()


def take_step(
    model: nn.Module, batch: dict[str, Tensor], optimizer: Optimizer, schedule: LambdaLR, loss_of: LossOf
) -> float:
    """Train on one batch and return its loss."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = loss_of(model, batch)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    schedule.step()
    optimizer.zero_grad(set_to_none=True)
    return loss.item()


def save_adapter(job: Job, model: PeftModel, base: Path, out: Path, **fields: Any) -> None:
    """Write adapter_config.json, adapter_model.safetensors (float16) and config.json.

    Not `model.save_pretrained`, which would rewrite the model card and keep float32.
    """
    out.mkdir(parents=True, exist_ok=True)
    weights = get_peft_model_state_dict(model)
    halves = {name: weight.detach().half().contiguous() for name, weight in weights.items()}
    save_file(halves, out / "adapter_model.safetensors", metadata={"format": "pt"})
    lora = model.peft_config["default"].to_dict() | {
        "base_model_name_or_path": job.base.name,
        "inference_mode": True,
    }
    write_json(out / "adapter_config.json", lora)
    config = make_config(job, base).to_dict() | fields
    config.pop("_name_or_path", None)
    write_json(out / "config.json", config)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write sorted, indented JSON; sets become sorted lists."""
    path.write_text(json.dumps(content, indent=2, sort_keys=True, default=sorted) + "\n", encoding="utf-8")


def load_adapter(job: Job, folder: Path, base: Path) -> PreTrainedModel:
    """Load the merged task model from an adapter's folder and the base weights."""
    plain = job.base.load(AutoConfig.from_pretrained(folder), base)
    return PeftModel.from_pretrained(plain, folder).merge_and_unload().eval()


def select_inputs(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return a batch without its labels."""
    return {name: tensor for name, tensor in batch.items() if name in INPUTS}


@torch.inference_mode()
def compute_outputs(
    model: PreTrainedModel,
    examples: Sequence[Example],
    read: Callable[[Any], Tensor] = lambda output: output.logits,
) -> list[Tensor]:
    """Return what `read` makes of the model's output, one tensor an example, in the examples' order."""
    rows: list[Tensor] = [torch.empty(0)] * len(examples)
    for chunk in iterate_by_length(examples, 64):
        batch = select_inputs(collate([examples[i] for i in chunk]))
        for i, row in zip(chunk, read(model(**batch)), strict=True):
            rows[i] = row
    return rows


def print_scores(title: str, scores: Scores) -> None:
    """Print scores on one line."""
    print(title, ", ".join(f"{name} {value:.4f}" for name, value in scores.items()), flush=True)
