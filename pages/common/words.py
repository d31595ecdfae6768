"""Foreign text in Markdown, and in the options of a picker.

Knows nothing else of ours.
"""

import re
from collections import Counter
from collections.abc import Iterable


def literal(text: str) -> str:
    """Text as Markdown that shows exactly it."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text)


def distinct(names: Iterable[str]) -> list[str]:
    """The names, one that comes again with its number behind it: a picker takes equal options for the first of them."""
    seen: Counter[str] = Counter()
    found = []
    for name in names:
        seen[name] += 1
        found.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return found
