"""Memory: what loading each bundled model takes at its peak, and what two rounds through all of them leave behind.

Run it with `python -m bench.memory`; it prints two Markdown tables. Knows no page.
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

from bench.report import markdown, told
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
    options = arguments()
    os.environ[f"{PREFIX}MODEL_MEGABYTES"] = str(options.megabytes)
    torch.set_num_threads(1)
    for card in told(list(BUNDLED), "imports and downloads"):
        used(card)
    empty()
    print(loading_table())
    print(rounds_table(options.megabytes))


def arguments() -> argparse.Namespace:
    """What the command line asks for."""
    most = max(card.megabytes for card in BUNDLED)
    parser = argparse.ArgumentParser(prog="python -m bench.memory")
    parser.add_argument("--megabytes", type=int, default=most, help=f"the bound for loaded models (default: {most})")
    return parser.parse_args()


def used(card: Card) -> float:
    """Load the model and run it once; the size of its weights in MB."""
    with lease(card) as bundle, bundle.lock, torch.no_grad():
        bundle.model(**inputs(bundle))
        return weight(bundle)


def empty() -> None:
    """Forget all models."""
    model_cache.cache_clear()
    gc.collect()
    trim_memory()


def inputs(bundle: Bundle) -> dict[str, torch.Tensor]:
    """A short text, or a grey picture."""
    if bundle.processor:
        grey = Image.fromarray(np.full((224, 224, 3), 128, np.uint8))
        return dict(bundle.processor(grey, return_tensors="pt"))
    return encode_sample(bundle.model, bundle.tokenizer)


def weight(bundle: Bundle) -> float:
    """The bytes of all tensors of a model in MB, shared ones once."""
    tensors = (*bundle.model.parameters(), *bundle.model.buffers())
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors) / 1e6


def private() -> float:
    """Memory of this process that no file backs, in MB."""
    now = psutil.Process().memory_info()
    return float(now.rss - now.shared) / 1e6


def resident() -> float:
    """Memory of this process in MB, mapped files included."""
    return float(psutil.Process().memory_info().rss) / 1e6


@contextmanager
def watched() -> Iterator[Peak]:
    """Look at the private memory again and again."""
    peak, done = Peak(private()), threading.Event()

    def watch() -> None:
        while not done.wait(TICK):
            peak.most = max(peak.most, private() - peak.before)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        done.set()
        watcher.join()


def loading_table() -> str:
    """What it takes to load each model into a process that has its libraries already."""
    head = ("loading", "weights, MB", "most memory meanwhile, MB", "times the weights", "seconds")
    return markdown(head, [loading_row(card) for card in told(list(BUNDLED), "peaks")])


def loading_row(card: Card) -> tuple[str, ...]:
    """Load it with nothing else loaded."""
    started = time.perf_counter()
    with watched() as peak:
        megabytes = used(card)
    seconds = time.perf_counter() - started
    empty()
    return card.key, f"{megabytes:.0f}", f"{peak.most:.0f}", f"{peak.most / megabytes:.2f}", f"{seconds:.1f}"


def rounds_table(bound: int) -> str:
    """What is resident while the models take turns under the bound."""
    without = resident()
    head = ("round", "model", "loaded models, MB", f"resident over the {without:.0f} MB without models", "allowed")
    rows = []
    for number in range(1, ROUNDS + 1):
        for card in told(list(BUNDLED), f"round {number}"):
            used(card)
            loaded, left = model_cache().bytes / 1e6, resident() - without
            verdict = "" if left <= bound + SLACK else " (broken)"
            rows.append((str(number), card.key, f"{loaded:.0f}", f"{left:.0f}", f"{bound + SLACK}{verdict}"))
    return markdown(head, rows)


if __name__ == "__main__":
    main()
