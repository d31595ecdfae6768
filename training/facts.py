"""How often a language model goes on with the fact: `smollm2`, which we did not train.

Knows no weights. The facts are sentences that stop before their last words.
"""

import gzip
import json
from pathlib import Path

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from training.jobs import Scores

EVERY = 6
"""Which facts are asked: this many apart, for they lie in no order and all would take long."""


def facts(data: Path) -> list[tuple[str, str]]:
    """Prompts, and how each goes on."""
    with gzip.open(data / "known_facts" / "known_1000.json.gz", "rt", encoding="utf-8") as file:
        return [(row["prompt"], f" {row['attribute']}") for row in json.load(file)[::EVERY]]


@torch.inference_mode()
def said(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, prompt: str, fact: str) -> list[bool]:
    """For each token of the fact, whether it is the model's first choice after the prompt and the tokens before it."""
    known, asked = (tokenizer(text, return_tensors="pt")["input_ids"][0] for text in (prompt, fact))
    choices = model(torch.cat([known, asked])[None]).logits[0].argmax(-1)  # (tokens,)
    return (choices[len(known) - 1 : -1] == asked).tolist()


def scores(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, data: Path) -> Scores:
    """The shares of all facts whose first token, and whose every token, is the model's first choice."""
    rows = [said(model, tokenizer, prompt, fact) for prompt, fact in facts(data)]
    return {
        f"first token of {len(rows)} facts": sum(row[0] for row in rows) / len(rows),
        "every token": sum(map(all, rows)) / len(rows),
    }
