"""Columns: several maps with their names, as pages draw them side by side.

Knows Explanations, no model.
"""

from dataclasses import dataclass

from explainers import Explanation


@dataclass(frozen=True)
class Columns:
    """Maps with their names, and the row of each that is about the same."""

    names: list[str]
    explanations: list[Explanation]
    rows: list[int]

    def __len__(self) -> int:
        return len(self.names)
