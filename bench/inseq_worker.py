"""Explain one text with Inseq, in its own environment: bench/generation.py runs this file and reads what it prints."""

import json
import sys
from pathlib import Path
from typing import Any

import inseq
import torch
import transformers
from resident import measure  # this file's folder is on the path


def main() -> None:
    """Explain what the command line asks for, and print the cost and the scores (T, F)."""
    asked = json.loads(sys.argv[1])
    torch.set_num_threads(asked["threads"])
    model, tokenizer = load_model(Path(asked["model"]))
    wrapped = inseq.load_model(model, asked["method"], tokenizer=tokenizer)
    with torch.no_grad():
        model(**tokenizer(asked["prompt"], return_tensors="pt"))
    more = {"n_steps": 50} if asked["method"] == "integrated_gradients" else {}
    with measure(model) as cost:
        found = wrapped.attribute(asked["prompt"], asked["prompt"] + asked["text"], show_progress=False, **more)
    scores = found.sequence_attributions[0].target_attributions.sum(-1).T  # (T, F)
    print(json.dumps({"cost": cost(), "scores": scores.tolist()}))


def load_model(folder: Path) -> tuple[Any, Any]:
    """Return the same weights, in float32 and with the attention that Inseq takes when it loads a model by its name."""
    config = transformers.LlamaConfig(**json.loads((folder / "config.json").read_text()), attn_implementation="eager")
    model = transformers.LlamaForCausalLM(config).float().eval()
    model.load_state_dict(torch.load(folder / "weights.pt", mmap=True))
    return model, transformers.AutoTokenizer.from_pretrained(folder / "tokenizer")


if __name__ == "__main__":
    main()
