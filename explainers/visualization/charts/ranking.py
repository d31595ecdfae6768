"""How the ranking of words changes from map to map: a line a word, by Plotly."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from ..palette import ENTITY_COLOURS
from ..text.escape import escape_plain
from ..text.format import shorten

DASHES = ("solid", "dash", "dot")
Ranking = Mapping[str, Sequence[int]]


def draw_ranking(names: Sequence[str], ranking: Ranking) -> go.Figure:
    """Places down, maps across; each word bears its name at both ends, so that no colour has to be told apart."""
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
                hovertemplate=f"{shown}: place %{{y}} with %{{customdata}}<extra></extra>",
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
    figure.update_yaxes(range=[lowest + 0.6, 0.4], dtick=max(1, round(lowest / 8)), title="Place", zeroline=False)
    margin = {"l": 8, "r": 8, "t": 40, "b": 8}
    return figure.update_layout(height=120 + 22 * min(lowest, 20), margin=margin, showlegend=False, dragmode=False)


def describe_ranking(names: Sequence[str], ranking: Ranking) -> str:
    """The lines in words."""
    said = "; ".join(f"{shorten(word, 24)} {', '.join(map(str, places))}" for word, places in ranking.items())
    return f"Places of the strongest words with {', '.join(shorten(name) for name in names)}: {said or 'none'}."


def describe_movement(names: Sequence[str], ranking: Ranking) -> str:
    """Which word is first with every map, or that it depends, as plain text."""
    if not ranking:
        return ""
    first = [min(ranking, key=lambda word: ranking[word][i]) for i in range(len(names))]
    if len(set(first)) == 1:
        maps = "both maps" if len(names) == 2 else f"all {len(names)} maps"
        return f"Of the words that they share, “{shorten(first[0])}” is the strongest in {maps}."
    heard = {word: [shorten(name) for name, best in zip(names, first, strict=True) if best == word] for word in first}
    said = "; ".join(f"“{shorten(word)}” with {' and '.join(where)}" for word, where in heard.items())
    return f"Which word is the strongest depends on it: {said}."
