"""The ranks of words in several explanations: a line per word, and a sentence."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from ..palette import ENTITY_COLOURS
from ..text.escape import escape_plain
from ..text.format import shorten

DASHES = ("solid", "dash", "dot")
Ranking = Mapping[str, Sequence[int]]


def draw_ranking(names: Sequence[str], ranking: Ranking) -> go.Figure:
    """Draw one line per word over the explanations; each line is labelled at both ends, so it needs no legend."""
    figure = go.Figure()
    across, last = list(range(len(names))), len(names) - 1
    for i, (word, places) in enumerate(ranking.items()):
        shown = escape_plain(shorten(word, 16))
        figure.add_trace(
            go.Scatter(
                x=across,
                y=list(places),
                mode="lines+markers+text",
                name=shown,
                text=[shown if place in (0, last) else "" for place in across],
                textposition=["middle left", *["top center"] * (last - 1), "middle right"],
                cliponaxis=False,
                line={
                    "color": ENTITY_COLOURS[i % len(ENTITY_COLOURS)][1],
                    "width": 2.5,
                    "dash": DASHES[i // len(ENTITY_COLOURS) % len(DASHES)],
                },
                marker={"size": 9},
                customdata=[escape_plain(shorten(name, 40)) for name in names],
                hovertemplate=f"{shown}: rank %{{y}} with %{{customdata}}<extra></extra>",
            )
        )
    lowest = max((place for places in ranking.values() for place in places), default=1)
    figure.update_xaxes(
        tickvals=across,
        ticktext=[escape_plain(shorten(name, 20)) for name in names],
        range=[-0.25 - 0.25 * last, 1.25 * last + 0.25],
        side="top",
        showgrid=False,
        zeroline=False,
    )
    figure.update_yaxes(range=[lowest + 0.6, 0.4], dtick=max(1, round(lowest / 8)), title="Rank", zeroline=False)
    margin = {"l": 8, "r": 8, "t": 40, "b": 8}
    return figure.update_layout(height=120 + 22 * min(lowest, 20), margin=margin, showlegend=False, dragmode=False)


def describe_ranking(names: Sequence[str], ranking: Ranking) -> str:
    """Describe the figure in words."""
    ranks = "; ".join(f"{shorten(word, 24)} {', '.join(map(str, places))}" for word, places in ranking.items())
    return f"Ranks of the strongest words with {', '.join(shorten(name) for name in names)}: {ranks or 'none'}."


def describe_movement(names: Sequence[str], ranking: Ranking) -> str:
    """Name the strongest word, of each explanation if they differ, as plain text."""
    if not ranking:
        return ""
    first = [min(ranking, key=lambda word: ranking[word][i]) for i in range(len(names))]
    if len(set(first)) == 1:
        every = "both explanations" if len(names) == 2 else f"all {len(names)} explanations"
        return f"Of the shared words, “{shorten(first[0])}” is the strongest in {every}."
    wins = {word: [shorten(name) for name, best in zip(names, first, strict=True) if best == word] for word in first}
    listed = "; ".join(f"“{shorten(word)}” with {' and '.join(where)}" for word, where in wins.items())
    return f"The strongest word differs: {listed}."
