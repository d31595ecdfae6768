"""Measure how often attacks on the bundled sentiment model succeed, beside random swaps, and how far texts are reduced.

Run it with `python -m bench.attacks --data DIR --sentences 100`; it prints a Markdown table. DIR holds SST-2's test
split as `sst2_glue/test.tsv`; only sentences that the model classifies correctly are attacked.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from bench.report import format_table, show_progress
from explainers import CARDS, Attack, Bundle, Request, attack, predict
from explainers.inputs.text import WORD
from explainers.loading import load
from training.tables import read_tsv

MODEL, LABELS = "sentiment", ("NEGATIVE", "POSITIVE")
HEAD = ("attack", "succeeds", "words changed, mean", "forward passes, mean", "backward, mean", "seconds, median")
RUNS = (
    ("HotFlip", "hotflip", {}),
    ("HotFlip, common words of cosine 0.3 or more", "hotflip", {"similarity": 0.3, "common_words": True}),
    ("Random swaps", "random_swap", {}),
)


def select_correct(bundle: Bundle, data: Path, most: int) -> Iterator[Request]:
    """Yield the first sentences, shuffled with seed 0, that the model classifies correctly."""
    rows = list(read_tsv(data / "sst2_glue" / "test.tsv"))
    found = 0
    for place in torch.randperm(len(rows), generator=torch.Generator().manual_seed(0)).tolist():
        text, label = rows[place]
        request = Request("text_classification", MODEL, {"text": text.strip()})
        if found < most and predict(request, bundle=bundle).targets[0].label == LABELS[int(label)]:
            found += 1
            yield request


def make_row(name: str, found: Sequence[Attack]) -> tuple[str, ...]:
    """Return the table row of one attack."""
    won = [attack for attack in found if attack.success]
    return (
        name,
        f"{len(won)} of {len(found)}",
        f"{np.mean([len(attack.edits) for attack in won]):.2f}" if won else "-",
        f"{np.mean([attack.evaluations[0] for attack in found]):.0f}",
        f"{np.mean([attack.evaluations[1] for attack in found]):.1f}",
        f"{np.median([attack.seconds for attack in found]):.2f}",
    )


def describe_reduction(found: Sequence[Attack]) -> str:
    """Describe in a sentence how many words input reduction leaves."""
    before = [count_words(attack.texts[0]) for attack in found]
    after = [before - len(attack.edits) for before, attack in zip(before, found, strict=True)]
    sure = np.mean([attack.trajectory[0].probability for attack in found])
    still = np.mean([attack.trajectory[-1].probability for attack in found])
    passes, seconds = (np.mean([a.evaluations[0] for a in found]), np.median([a.seconds for a in found]))
    return (
        f"Input reduction of the first {len(found)}: {np.mean(before):.1f} words on average become "
        f"{np.mean(after):.2f} (median {np.median(after):.0f}); the label's probability is {sure:.3f} before and "
        f"{still:.3f} after. {passes:.0f} forward passes on average, {seconds:.2f} s in the median."
    )


def count_words(text: str) -> int:
    """Count the words of a text as an attack does."""
    return len(WORD.findall(text))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sentences", type=int, default=100)
    parser.add_argument("--reduced", type=int, default=100, help="how many of them are reduced, too")
    asked = parser.parse_args()
    bundle = load(CARDS[MODEL])
    requests = list(select_correct(bundle, asked.data, asked.sentences))
    table = [
        make_row(name, [attack(key, r, params=params, bundle=bundle) for r in show_progress(requests, name)])
        for name, key, params in RUNS
    ]
    print(format_table(HEAD, table))
    chosen = requests[: asked.reduced]
    print(
        describe_reduction(
            [attack("input_reduction", r, bundle=bundle) for r in show_progress(chosen, "Input reduction")]
        )
    )


if __name__ == "__main__":
    main()
