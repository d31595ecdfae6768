"""An image's scores as a Plotly figure: heatmap, overlay, masked image or alpha scaling, with scores on hover."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ...request import Picture
from ...results.explanation import Explanation, Floats, sum_channels
from ..palette import VEIL
from ..text.format import format_share, format_unsigned
from ..text.spans import name_directions
from .heatmap import Box, Colour, Kind, Look, find_limit, list_colour_stops, locate_frame, select_sign
from .regions import rank_regions
from .render import find_picture, make_background, make_data_url, tone_image

SIDE = 768  # largest side of the photograph in a figure, in pixels
LARGEST = 32_767  # 16-bit integer
POWERS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
NAMES: dict[Kind, str] = {
    "heatmap": "Heatmap",
    "overlay": "Overlay",
    "masked_image": "Masked image",
    "alpha_scaling": "Alpha scaling",
}
BARE: dict[str, Any] = {
    "template": None,
    "margin": {"l": 0, "r": 0, "t": 0, "b": 0},
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "dragmode": False,
}
AXIS = {"visible": False, "fixedrange": True, "constrain": "domain"}
HEIGHT = 420


@dataclass(frozen=True)
class Canvas:
    """The background of a figure: width and height in pixels, the `box` that the model reads, and two images.

    `shown` is the original image, `under` the one below the heatmap; data URLs, empty without the image.
    """

    width: int
    height: int
    box: Box
    shown: str = ""
    under: str = ""


def draw_figure(explanation: Explanation, look: Look, row: int = 0) -> go.Figure:
    """Draw the scores of target `row` in one view; a bare heatmap if the image is not available."""
    canvas = _make_canvas(explanation, look)
    look = look if canvas.shown else replace(look, kind="heatmap", side_by_side=False)
    last = 2 if look.side_by_side else 1
    figure = make_subplots(1, last, horizontal_spacing=0.02)
    pictures = {1: canvas.shown if look.side_by_side else "", last: canvas.under}
    for column, source in pictures.items():
        figure.update_xaxes(range=[0, canvas.width], **AXIS, row=1, col=column)
        figure.update_yaxes(
            range=[canvas.height, 0], scaleanchor=f"x{column}", constraintoward="top", **AXIS, row=1, col=column
        )
        if source:
            figure.add_layout_image(_make_layout_image(source, canvas), row=1, col=column)
    for unread in _list_unread(canvas):
        figure.add_shape(type="rect", **unread, fillcolor=_to_css((*VEIL[:3], VEIL[3])), line_width=0, row=1, col=last)
    figure.add_trace(_draw_heatmap(sum_channels(explanation, row), look, canvas.box), row=1, col=last)
    return figure.update_layout(height=HEIGHT, **BARE)


def _make_canvas(explanation: Explanation, look: Look) -> Canvas:
    picture, grid = find_picture(explanation), explanation.grid or (1, 1)
    if picture is None:
        return Canvas(grid[1], grid[0], (0, 0, grid[1], grid[0]))
    toned_alike = replace(look, sign="all", outlier_threshold=0.0, side_by_side=False)
    return _make_photo_canvas(picture, grid, explanation.frame, toned_alike)


@lru_cache(maxsize=8)
def _make_photo_canvas(picture: Picture, grid: tuple[int, int], frame: Any, look: Look) -> Canvas:
    image = make_background(picture, grid, frame, look.original)
    under = "" if look.kind == "heatmap" else make_data_url(tone_image(image, look.kind), SIDE)
    box = locate_frame(frame, image.size) if look.original else (0, 0, *image.size)
    return Canvas(*image.size, box, make_data_url(image, SIDE), under)


def _make_layout_image(source: str, canvas: Canvas) -> dict[str, Any]:
    size = {"x": 0, "y": 0, "sizex": canvas.width, "sizey": canvas.height}
    return {"source": source, **size, "xref": "x", "yref": "y", "sizing": "stretch", "layer": "below"}


def _list_unread(canvas: Canvas) -> Iterator[dict[str, int]]:
    """List the rectangles of the image that the model does not read."""
    left, top, right, bottom = canvas.box
    sides = (
        (0, 0, canvas.width, top),
        (0, bottom, canvas.width, canvas.height),
        (0, top, left, bottom),
        (right, top, canvas.width, bottom),
    )
    for x0, y0, x1, y1 in sides:
        if x1 > x0 and y1 > y0:
            yield {"x0": x0, "y0": y0, "x1": x1, "y1": y1}


def _draw_heatmap(values: Floats, look: Look, box: Box) -> go.Heatmap:
    """Draw the scores as 16-bit integers of a power of ten, a quarter of the size of a list of floats."""
    values = select_sign(values, look.sign)
    largest = float(np.abs(values).max()) or 1.0
    power = math.floor(math.log10(LARGEST / largest))
    full = find_limit(values, look.outlier_threshold) * 10.0**power or 1.0
    (rows, columns), (left, top, right, bottom) = values.shape, box
    wide, high = (right - left) / columns, (bottom - top) / rows
    unit = f" × 10{str(-power).translate(POWERS)}" if power else ""
    return go.Heatmap(
        z=(values * 10.0**power).round().astype(np.int16),
        x0=left + wide / 2,
        dx=wide,
        y0=top + high / 2,
        dy=high,
        zmin=-full,
        zmax=full,
        colorscale=[[(at + 1) / 2, _to_css(colour)] for at, colour in list_colour_stops(look.kind)],
        showscale=False,
        hovertemplate=f"right %{{x:.0f}}, down %{{y:.0f}}<br>%{{z:+d}}{unit}<extra></extra>",
    )


def _to_css(colour: Colour) -> str:
    red, green, blue, opacity = colour
    return f"rgba({red},{green},{blue},{opacity})"


def name_shown_directions(explanation: Explanation, look: Look, row: int) -> dict[int, str]:
    """Name the direction of positive (1) and negative (-1) scores; only 1 if the view shows no signs."""
    return name_directions(explanation if look.sign != "absolute" else replace(explanation, signed=False), row)


def describe_figure(explanation: Explanation, look: Look, row: int = 0) -> str:
    """Describe the figure in words."""
    values = select_sign(sum_channels(explanation, row), look.sign)
    places = [
        f"{format_share(ranked[0].share)} of the push {direction} lies in {ranked[0].name}"
        for sign, direction in name_shown_directions(explanation, look, row).items()
        if (ranked := rank_regions(values, sign))
    ]
    shares = "; ".join(places) or "every score is 0"
    rows, columns = values.shape
    largest = format_unsigned(float(np.abs(values).max()))
    return f"{NAMES[look.kind]} of {rows} rows and {columns} columns: {shares}. The largest score is {largest}."
