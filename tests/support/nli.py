"""Tiny models with named classes: those of natural language inference, or any others."""

import copy
from functools import cache
from typing import Any

from tests.support.tiny import tiny

NLI = ("entailment", "neutral", "contradiction")


@cache
def make_named(kind: str, names: tuple[str, ...] = NLI, **changes: Any) -> tuple[Any, Any]:
    """Make a tiny model of architecture `kind` with a class of each name, and its tokenizer."""
    model, tokenizer = tiny(kind, labels=len(names), **changes)
    model = copy.deepcopy(model)  # the one above is shared, and so is its config
    model.config.id2label = dict(enumerate(names))
    model.config.label2id = {name: i for i, name in enumerate(names)}
    return model, tokenizer
