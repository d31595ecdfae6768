"""Explanations of generated text with given scores, for tests of what is made of them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from explainers.inputs.text import find_words
from explainers.request import Request, Target
from explainers.results.explanation import Explanation, Feature, Prediction

NAN = float("nan")


def features_of(field: str, text: str, tokens: Sequence[str]) -> list[Feature]:
    """Make a Feature for each token, found in the text one after the other, with its word."""
    words = find_words(text)
    features, end = [], 0
    for token in tokens:
        start = text.index(token, end)
        end = start + len(token)
        word = next(i for i, (_, stop) in enumerate(words) if start < stop)
        features.append(Feature(token, field, start, end, word))
    return features


def generation(
    prompt: Sequence[str] = ("The", "capital", "of", "France", "is"),
    continuation: Sequence[str] = ("Par", "is", "."),
    scores: Sequence[Sequence[float]] | None = None,
    texts: tuple[str, str] = ("The capital of France is", " Paris."),
    fields: tuple[str, str] = ("prompt", "continuation"),
    **changes: Any,
) -> Explanation:
    """Make an explanation of each generated token; scores are those of its visible features, or random from a seed."""
    features = [*features_of(fields[0], texts[0], prompt), *features_of(fields[1], texts[1], continuation)]
    count, before = len(continuation), len(prompt)
    if scores is None:
        random = np.random.default_rng(5)
        scores = [random.normal(size=before + row) for row in range(count)]
    table = np.full((count, len(features)), np.nan, np.float32)
    for row, visible in zip(table, scores, strict=True):
        row[: len(visible)] = visible
    values = np.array([0.5 / (row + 1) for row in range(count)], np.float32)
    targets = tuple(
        Target(token, 100 + row, before + row, None, float(values[row])) for row, token in enumerate(continuation)
    )
    defaults: dict[str, Any] = {
        "request": Request("text_generation", "smollm2", {fields[0]: texts[0], fields[1]: texts[1]}, "saliency"),
        "features": tuple(features),
        "targets": targets,
        "scores": table,
        "values": values,
        "baselines": (values - np.nansum(table, axis=1)).astype(np.float32),
        "unit": "probability",
        "signed": True,
        "additive": True,
        "prediction": Prediction(targets, texts[1]),
        "kind": "generation",
        "texts": tuple(zip(fields, texts, strict=True)),
    }
    return Explanation(**defaults | changes)
