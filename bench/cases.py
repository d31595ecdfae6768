"""Check cases with an obvious reason: is the strongest word, or the strongest region of an image, the expected one?

Run it with `python -m bench.cases`; it prints a Markdown table.
"""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch

from bench.report import format_table, show_progress
from explainers import CARDS, TASKS, Explanation, Request, Target, explain
from explainers.inputs.images import FOLDER
from explainers.request import Picture
from explainers.visualization.text.format import format_share, name_target
from explainers.visualization.text.segments import rank_segments

HEAD = ("model", "input", "asked", "expected", "strongest", "as expected")
Box = tuple[float, float, float, float]
"""Left, top, right and bottom of a thing in a picture, as shares of its sides."""


@dataclass(frozen=True)
class Case:
    """An input of a bundled model, and the words (or the box) that a person expects behind its prediction."""

    task: str
    model: str
    inputs: Mapping[str, str]
    expected: tuple[str, ...]
    target: Target = field(default_factory=Target)
    row: int = 0  # of an explanation with several targets
    box: Box | None = None

    @property
    def request(self) -> Request:
        """The request, with the method that the task's page starts with; an image is named by its photograph."""
        inputs = {name: self._given(name, text) for name, text in self.inputs.items()}
        return Request(self.task, self.model, inputs, TASKS[self.task].method, self.target)

    @staticmethod
    def _given(name: str, text: str) -> str | Picture:
        return Picture((FOLDER / text).read_bytes()) if name == "image" else text


CASES = (
    Case("text_classification", "sentiment", {"text": "I love you, I like you"}, ("love", "like")),
    Case("text_classification", "sentiment", {"text": "A dull plot, saved by a brilliant cast."}, ("dull",)),
    Case(
        "pair_classification",
        "nli",
        {"text_a": "The children are playing football.", "text_b": "Nobody is playing."},
        ("Nobody",),
    ),
    Case(
        "pair_classification",
        "similarity",
        {"text_a": "A child is riding a horse.", "text_b": "A kid is riding a horse."},
        ("horse", "riding"),
    ),
    Case(
        "pair_classification",
        "relevance",
        {"text_a": "Who designed the bridge?", "text_b": "It was designed by Clara Weiss in 1894."},
        ("designed",),
    ),
    Case("multi_label_classification", "emotions", {"text": "Thank you, that was very kind."}, ("Thank", "kind")),
    Case(
        "zero_shot_classification",
        "nli",
        {"text": "Fold the egg whites in slowly, or the cake will never rise.", "labels": "cooking, travel, finance"},
        ("cake", "egg"),
    ),
    Case(
        "question_answering",
        "questions",
        {
            "question": "Who designed the bridge?",
            "context": "The bridge was designed by Clara Weiss in 1894.",
        },
        ("Who", "designed", "Clara", "Weiss"),
    ),
    Case("token_classification", "entities", {"text": "Doctor Lee moved to Lima."}, ("Doctor", "Lee")),
    Case("fill_mask", "fill-mask", {"text": "[MASK] is the capital of England."}, ("capital", "England")),
    Case(
        "image_classification",
        "efficientnet-lite0",
        {"image": "stop-sign.jpg"},
        ("the sign",),
        box=(0.43, 0.06, 0.75, 0.36),
    ),
    Case(
        "image_classification",
        "efficientnet-lite0",
        {"image": "gull.jpg"},
        ("the gull",),
        box=(0.3, 0.03, 1.0, 0.52),
    ),
    Case("image_classification", "objects", {"image": "laptop.jpg"}, ("the laptop",), box=(0.37, 0.07, 0.93, 0.65)),
    Case("image_classification", "objects", {"image": "pizza.jpg"}, ("the pizza",), box=(0.03, 0.42, 1.0, 0.97)),
)


def main() -> None:
    """Explain each case and print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.cases")
    parser.add_argument("--threads", type=int, default=2, help="torch threads (default: 2)")
    torch.set_num_threads(parser.parse_args().threads)
    print(format_table(HEAD, [make_row(case) for case in show_progress(list(CASES), "cases")]))


def make_row(case: Case) -> tuple[str, ...]:
    """Return a case as a row of the table."""
    explanation = explain(case.request)
    strongest, right = (
        measure_share_in_box(explanation, case.box) if case.box else find_strongest_word(explanation, case)
    )
    asked = name_target(explanation.targets[case.row])
    if foil := explanation.targets[case.row].foil:
        asked += f" rather than {foil}"
    given = " / ".join(case.inputs.values())
    return (CARDS[case.model].key, given, asked, ", ".join(case.expected), strongest, "yes" if right else "no")


def find_strongest_word(explanation: Explanation, case: Case) -> tuple[str, bool]:
    """Return the strongest word, and whether it is one of those expected."""
    words = [
        piece.text for piece in rank_segments(explanation.by_word(), case.row) if any(map(str.isalnum, piece.text))
    ]
    return words[0], words[0].casefold() in {word.casefold() for word in case.expected}


def measure_share_in_box(explanation: Explanation, box: Box) -> tuple[str, bool]:
    """Return the share of positive scores inside the box, and whether it exceeds the box's share of the area."""
    rows, columns = explanation.grid or (0, 0)
    credit = np.clip(explanation.scores[0].reshape(-1, rows, columns).sum(0), 0, None)
    left, top, right, bottom = (round(edge * side) for edge, side in zip(box, (columns, rows) * 2, strict=True))
    inside = float(credit[top:bottom, left:right].sum() / credit.sum())
    area = (right - left) * (bottom - top) / (rows * columns)
    return f"{format_share(inside)} of the credit in {format_share(area)} of the picture", inside > area


if __name__ == "__main__":
    main()
