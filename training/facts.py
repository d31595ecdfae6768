"""Measure how often a language model that we did not train completes a fact: `smollm2`.

The facts are sentences without their last words.
"""

import gzip
import json
from pathlib import Path

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from training.jobs import Scores

EVERY = 6
"""One fact in so many is measured: they are in no order, and all would take long."""


def read_facts(data: Path) -> list[tuple[str, str]]:
    """Return prompts with their completions."""
    with gzip.open(data / "known_facts" / "known_1000.json.gz", "rt", encoding="utf-8") as file:
        return [(row["prompt"], f" {row['attribute']}") for row in json.load(file)[::EVERY]]


@torch.inference_mode()
def check_tokens(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, prompt: str, fact: str) -> list[bool]:
    """Return whether each token of the fact is the most probable one after the prompt and the tokens before it."""
    known, asked = (tokenizer(text, return_tensors="pt")["input_ids"][0] for text in (prompt, fact))
    choices = model(torch.cat([known, asked])[None]).logits[0].argmax(-1)  # (tokens,)
    return (choices[len(known) - 1 : -1] == asked).tolist()


def measure_facts(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, data: Path) -> Scores:
    """Return the shares of facts whose first token, and whose every token, is the most probable one."""
    rows = [check_tokens(model, tokenizer, prompt, fact) for prompt, fact in read_facts(data)]
    return {
        f"first token of {len(rows)} facts": sum(row[0] for row in rows) / len(rows),
        "every token": sum(map(all, rows)) / len(rows),
    }
