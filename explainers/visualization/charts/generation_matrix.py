"""A heatmap of every generated token against every token before it, with step scores below."""

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ...results.explanation import Explanation, Floats
from ...results.step_scores import name_step_score
from ..palette import MARGIN
from ..summaries.generation import list_sources
from ..text.escape import escape_plain, show_controls
from ..text.format import format_number, format_unsigned, shorten
from ..text.generation import name_target
from ..text.spans import name_unit
from .matrix import SCALE

ROW, LEAST, MOST = 16, 200, 900  # height of a row, and of the heatmap, in pixels
STEP = 22  # height of a row of step scores, in pixels
LIMIT_QUANTILE = 0.9  # quantile of the tokens' largest scores that gets the full colour
GREYS = [(0.0, "rgba(128, 128, 128, 0.05)"), (1.0, "rgba(128, 128, 128, 0.85)")]


TOWARDS = [(2 * place - 1, colour) for place, colour in SCALE[len(SCALE) // 2 :]]  # for scores without a sign


def draw_matrix(explanation: Explanation) -> go.Figure:
    """Draw a column per generated token and a row per feature; cells of features that were not visible are empty.

    Names begin with their position, so that equal ones stay apart.
    """
    shown = [i for i, _ in enumerate(explanation.features) if not np.isnan(explanation.scores[:, i]).all()]
    columns = [f"{i + 1} {escape_plain(name_target(explanation, i))}" for i in range(len(explanation.targets))]
    rows = [f"{i + 1} {escape_plain(_name_feature(explanation, i))}" for i in shown]
    scores = round_scores(explanation.scores[:, shown].T)  # (F, T)
    limit, most = _find_limits(scores)
    title = name_unit(explanation.unit) + (" (larger scores have the same colour)" if limit < most else "")
    high = int(np.clip(ROW * len(rows), LEAST, MOST))
    low = STEP * len(explanation.steps)
    figure = make_subplots(
        rows=2 if low else 1,
        cols=1,
        shared_xaxes=True,
        row_heights=[high, low] if low else None,
        vertical_spacing=12 / (high + low) if low else 0.0,
    )
    figure.add_trace(
        go.Heatmap(
            z=scores,
            x=columns,
            y=rows,
            zmin=-limit if explanation.signed else 0,
            zmax=limit,
            colorscale=SCALE if explanation.signed else TOWARDS,
            hoverongaps=False,
            hovertemplate="%{y} for %{x}: %{z:.3g}<extra></extra>",
            colorbar={"title": {"text": escape_plain(title), "side": "right"}, "thickness": 12},
        ),
        row=1,
        col=1,
    )
    if low:
        figure.add_trace(_draw_step_scores(explanation, columns), row=2, col=1)
        figure.update_yaxes(autorange="reversed", automargin=True, showgrid=False, type="category", row=2, col=1)
    figure.update_yaxes(autorange="reversed", automargin=True, showgrid=False, type="category", row=1, col=1)
    figure.update_xaxes(tickangle=-60, automargin=True, showgrid=False, type="category")
    figure.update_layout(height=high + low + 110, margin=MARGIN)
    return figure


def _find_limits(scores: Floats) -> tuple[float, float]:
    """Return the absolute score that gets the full colour, and the largest one, of scores (F, T).

    They differ in long texts, where a few tokens with large scores would leave all others pale.
    """
    largest = np.nan_to_num(np.abs(scores)).max(axis=0, initial=0.0)  # (T,)
    most = float(largest.max())
    return float(np.quantile(largest, LIMIT_QUANTILE, method="higher")) or most or 1.0, most


def _draw_step_scores(explanation: Explanation, columns: list[str]) -> go.Heatmap:
    """Draw a row per step score, each in grey over its own range; the number is shown on hover."""
    numbers = np.array([values for _, values in explanation.steps], np.float32)  # (S, T)
    low, high = numbers.min(axis=1, keepdims=True), numbers.max(axis=1, keepdims=True)
    return go.Heatmap(
        z=round_scores(((numbers - low) / np.where(high > low, high - low, 1.0)).astype(np.float32)),
        x=columns,
        y=[escape_plain(name_step_score(key)) for key, _ in explanation.steps],
        customdata=round_scores(numbers),
        zmin=0,
        zmax=1,
        colorscale=GREYS,
        showscale=False,
        hovertemplate="%{y} of %{x}: %{customdata:.4g}<extra></extra>",
    )


def round_scores(scores: Floats) -> Floats:
    """Round numbers to three significant digits, as float32, which makes figures smaller."""
    sizes = np.abs(np.nan_to_num(scores))
    powers = 10.0 ** (2 - np.floor(np.log10(np.where(sizes > 0, sizes, 1.0))))
    return (np.rint(scores * powers) / powers).astype(np.float32)


def _name_feature(explanation: Explanation, feature: int) -> str:
    return shorten(show_controls(explanation.features[feature].text), 24) or "␣"


def describe_matrix(explanation: Explanation) -> str:
    """Describe the figure in words: the strongest source of each of the first twenty generated tokens."""
    columns = []
    for row in range(min(20, len(explanation.targets))):
        if sources := list_sources(explanation, row, 1):
            place, score = sources[0]
            columns.append(
                f"{name_target(explanation, row)}: {_name_feature(explanation, place)} {format_number(score)}"
            )
    size = f"{len(explanation.targets)} generated tokens"
    return f"Heatmap of {size} and their sources. Strongest in each column: {'; '.join(columns) or 'none'}."


def list_targets(explanation: Explanation) -> list[dict[str, str | float]]:
    """List one row per generated token: its probability, its step scores, and its sources, strongest first."""
    table: list[dict[str, str | float]] = []
    for row, target in enumerate(explanation.targets):
        sources = [
            f"{_name_feature(explanation, place)} {(format_number if explanation.signed else format_unsigned)(score)}"
            for place, score in list_sources(explanation, row, 5)
        ]
        line: dict[str, str | float] = {"token": row + 1, "text": name_target(explanation, row)}
        if target.probability is not None:
            line["probability"] = target.probability
        line["value"] = float(explanation.values[row])
        line |= {
            name_step_score(key): values[row] for key, values in explanation.steps if key not in line
        }  # the probability of a token is in the line
        table.append({**line, "sources": ", ".join(sources)})
    return table
