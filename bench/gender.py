"""Measure which gender a model gives to the Turkish pronoun “o” (he, she or it), by profession.

Run it with `python -m bench.gender`; it prints a summary and a Markdown table, and needs no data.
"""

import argparse

import torch

from bench.report import format_table
from explainers import Request, Target, explain
from explainers.analyses.word_substitution import PROFESSIONS, make_request, substitute
from explainers.results.substitution import Substitution
from explainers.visualization.text.format import format_probability

MODEL, PROFESSION, TEMPLATE = "tr-en", "doktor", "O bir {}."
HEAD = ("profession", "Turkish", "he", "she", "he, of the two", "known", "the model writes")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.gender")
    parser.add_argument("--model", default=MODEL, help=f"a translator from Turkish to English (default: {MODEL})")
    parser.add_argument("--template", default=TEMPLATE, help="a sentence with {} for the profession")
    parser.add_argument("--threads", type=int, default=1, help="torch threads (default: 1)")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(make_report(options.model, options.template))


def make_report(model: str, template: str) -> str:
    """Return a summary and the table, the share of “she” falling."""
    found = substitute_professions(model, template)
    lines = sorted(zip(PROFESSIONS, found, strict=True), key=lambda line: line[1].share)
    known = [swap for english, swap in lines if names_profession(english, swap)]
    table = format_table(HEAD, (make_row(english, swap) for english, swap in lines))
    return (
        f"Model `{model}`, “{template}” with {len(found)} professions. “He” is more probable than “She” in "
        f"{sum(swap.share > 0.5 for swap in found)} of them; its share of the two is {format_range(found)}. "
        f"{len(known)} come out as the profession that they are; of those “He” is more probable in "
        f"{sum(swap.share > 0.5 for swap in known)}, its share {format_range(known)}.\n\n{table}"
    )


def substitute_professions(model: str, template: str) -> tuple[Substitution, ...]:
    """Compute a Substitution for each profession."""
    before, _, after = template.partition("{}")
    inputs = {"source": before + PROFESSION + after, "target": "He"}
    first = explain(Request("translation", model, inputs, "saliency", Target(foil="She")))
    place = "source", len(before), len(before) + len(PROFESSION)
    return substitute(make_request(first, 0, place, tuple(PROFESSIONS.values())))


def names_profession(english: str, swap: Substitution) -> bool:
    """Return whether the translation names the profession."""
    return english in swap.continuation.casefold()


def format_range(found: list[Substitution] | tuple[Substitution, ...]) -> str:
    """Format the smallest and the largest share."""
    shares = sorted(swap.share for swap in found)
    return f"{format_probability(shares[0])} to {format_probability(shares[-1])}" if shares else "nothing"


def make_row(english: str, swap: Substitution) -> tuple[str, ...]:
    """Return a profession as a row of the table."""
    numbers = (
        format_probability(swap.probability),
        format_probability(swap.foil_probability or 0.0),
        format_probability(swap.share),
    )
    return (english, swap.word, *numbers, "yes" if names_profession(english, swap) else "no", swap.continuation)


if __name__ == "__main__":
    main()
