"""Measure the peak memory of loading each bundled model, and the memory in use after two rounds through all of them.

Run it with `python -m bench.memory`; it prints two Markdown tables.
"""

import argparse
import gc
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import psutil
import torch
from PIL import Image

from bench.report import format_table, show_progress
from explainers import Bundle
from explainers.loading import lease
from explainers.models.cache import trim_memory
from explainers.models.card import Card
from explainers.models.catalogue import BUNDLED
from explainers.models.loading import model_cache
from explainers.models.probes.embeddings import encode_sample
from explainers.settings import PREFIX

SLACK = 300  # MB over the bound that two rounds may leave
ROUNDS = 2
TICK = 0.005  # seconds between two looks at the memory


@dataclass
class Peak:
    """The most private memory while something ran, in MB above what there was before."""

    before: float
    most: float = 0.0


def main() -> None:
    """Measure and print."""
    options = parse_arguments()
    os.environ[f"{PREFIX}MODEL_MEGABYTES"] = str(options.megabytes)
    torch.set_num_threads(1)
    for card in show_progress(list(BUNDLED), "imports and downloads"):
        use_model(card)
    empty_cache()
    print(make_loading_table())
    print(make_rounds_table(options.megabytes))


def parse_arguments() -> argparse.Namespace:
    """Parse the command line."""
    most = max(card.megabytes for card in BUNDLED)
    parser = argparse.ArgumentParser(prog="python -m bench.memory")
    parser.add_argument("--megabytes", type=int, default=most, help=f"the bound for loaded models (default: {most})")
    return parser.parse_args()


def use_model(card: Card) -> float:
    """Load the model, run it once, and return the size of its weights in MB."""
    with lease(card) as bundle, bundle.lock, torch.no_grad():
        bundle.model(**inputs(bundle))
        return measure_weights(bundle)


def empty_cache() -> None:
    """Remove all models from the cache."""
    model_cache.cache_clear()
    gc.collect()
    trim_memory()


def inputs(bundle: Bundle) -> dict[str, torch.Tensor]:
    """Return a short text, or a grey picture."""
    if bundle.processor:
        grey = Image.fromarray(np.full((224, 224, 3), 128, np.uint8))
        return dict(bundle.processor(grey, return_tensors="pt"))
    return encode_sample(bundle.model, bundle.tokenizer)


def measure_weights(bundle: Bundle) -> float:
    """Measure the size of all tensors of a model in MB, shared ones once."""
    tensors = (*bundle.model.parameters(), *bundle.model.buffers())
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors) / 1e6


def measure_private() -> float:
    """Measure the memory of this process that no file backs, in MB."""
    now = psutil.Process().memory_info()
    return float(now.rss - now.shared) / 1e6


def measure_resident() -> float:
    """Measure the memory of this process in MB, mapped files included."""
    return float(psutil.Process().memory_info().rss) / 1e6


@contextmanager
def watch_memory() -> Iterator[Peak]:
    """Sample the private memory while something runs."""
    peak, done = Peak(measure_private()), threading.Event()

    def watch() -> None:
        while not done.wait(TICK):
            peak.most = max(peak.most, measure_private() - peak.before)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        done.set()
        watcher.join()


def make_loading_table() -> str:
    """Measure the memory of loading each model into a process that has imported its libraries."""
    head = ("loading", "weights, MB", "most memory meanwhile, MB", "times the weights", "seconds")
    return format_table(head, [make_loading_row(card) for card in show_progress(list(BUNDLED), "peaks")])


def make_loading_row(card: Card) -> tuple[str, ...]:
    """Measure one model with no other loaded."""
    started = time.perf_counter()
    with watch_memory() as peak:
        megabytes = use_model(card)
    seconds = time.perf_counter() - started
    empty_cache()
    return card.key, f"{megabytes:.0f}", f"{peak.most:.0f}", f"{peak.most / megabytes:.2f}", f"{seconds:.1f}"


def make_rounds_table(bound: int) -> str:
    """Measure the resident memory while the models take turns under the bound."""
    without = measure_resident()
    head = ("round", "model", "loaded models, MB", f"resident over the {without:.0f} MB without models", "allowed")
    rows = []
    for number in range(1, ROUNDS + 1):
        for card in show_progress(list(BUNDLED), f"round {number}"):
            use_model(card)
            loaded, left = model_cache().bytes / 1e6, measure_resident() - without
            verdict = "" if left <= bound + SLACK else " (broken)"
            rows.append((str(number), card.key, f"{loaded:.0f}", f"{left:.0f}", f"{bound + SLACK}{verdict}"))
    return format_table(head, rows)


if __name__ == "__main__":
    main()
