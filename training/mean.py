"""Average two runs of `sentiment` into one adapter, and set the threshold between its two labels.

python -m training.mean sentiment --of RUN RUN --data DIR --base DIR
"""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from training.adapter import compute_outputs, load_adapter, write_json
from training.classification import JOBS, Row, encode_texts, read_rationales, read_sst2
from training.command import MODELS, make_parser

BIAS = "base_model.model.classifier.bias"
LINES = [step / 10 for step in range(-10, 11, 2)]  # what may be added to the margin of POSITIVE over NEGATIVE
LONG = 12  # words of a phrase that is nearly a sentence


def average_adapters(runs: list[Path]) -> tuple[dict[str, Tensor], dict[str, object]]:
    """Return an adapter whose merged weights are the runs' mean: factors concatenated, heads averaged."""
    weights = [load_file(run / "adapter_model.safetensors") for run in runs]
    settings = [json.loads((run / "adapter_config.json").read_text()) for run in runs]
    rank = sum(one["r"] for one in settings)
    scales = [one["lora_alpha"] / one["r"] / len(runs) for one in settings]

    def joined(name: str) -> Tensor:
        parts = [one[name].float() for one in weights]
        if "lora_A" in name:
            return torch.cat(parts, 0)  # (ranks, inputs)
        if "lora_B" in name:
            return torch.cat([part * scale for part, scale in zip(parts, scales, strict=True)], 1)  # (outputs, ranks)
        return torch.stack(parts).mean(0)

    return {name: joined(name) for name in weights[0]}, settings[0] | {"r": rank, "lora_alpha": rank}


def read_held_out(data: Path) -> list[list[Row]]:
    """Return what the threshold is set on: long phrases of SST-2's dev split not in train, and rationales."""
    seen = {text for text, _ in read_sst2(data, "train")}
    phrases = [row for row in read_sst2(data, "dev") if row[0] not in seen and len(row[0].split()) >= LONG]
    return [phrases, [row for row in read_rationales(data, "dev") if len(row[0].split()) > 5]]


def compute_margins(
    model: torch.nn.Module, tokenizer: PreTrainedTokenizerBase, rows: list[Row]
) -> tuple[Tensor, Tensor]:
    """Return the margin of POSITIVE over NEGATIVE for each text, and whether it is POSITIVE, (N,) each."""
    logits = torch.stack(compute_outputs(model, encode_texts(tokenizer, rows)))  # (N, 2)
    return logits[:, 1] - logits[:, 0], torch.tensor([bool(label) for _, label in rows])


def measure_accuracy(margin: Tensor, positive: Tensor, line: float) -> float:
    """Return the share of texts classified correctly when `line` is added to every margin."""
    return ((margin + line > 0) == positive).float().mean().item()


def main() -> None:
    """Average the runs, set the threshold, save."""
    parser = make_parser(["sentiment"])
    parser.add_argument("--of", type=Path, nargs=2, required=True, help="folders of two runs")
    arguments = parser.parse_args()
    job, out = JOBS[arguments.key], arguments.out or MODELS / arguments.key
    out.mkdir(parents=True, exist_ok=True)
    weights, settings = average_adapters(arguments.of)
    write_json(out / "adapter_config.json", settings)
    (out / "config.json").write_text((arguments.of[0] / "config.json").read_text())
    save_weights(weights, out)
    model, tokenizer = load_adapter(job, out, arguments.base), job.base.reader(arguments.base)
    sets = [compute_margins(model, tokenizer, rows) for rows in read_held_out(arguments.data)]
    right = {
        line: sum(((margin + line > 0) == label).float().mean().item() for margin, label in sets) for line in LINES
    }
    best = max(right, key=lambda line: right[line])
    print(f"{best:+.1f} added to the margin: {right[best] / len(sets):.4f} right, against {right[0.0] / len(sets):.4f}")
    weights[BIAS] += torch.tensor([-best / 2, best / 2])
    save_weights(weights, out)


def save_weights(weights: dict[str, Tensor], out: Path) -> None:
    """Write the adapter in float16."""
    half = {name: weight.half().contiguous() for name, weight in weights.items()}
    save_file(half, out / "adapter_model.safetensors", metadata={"format": "pt"})


if __name__ == "__main__":
    main()
