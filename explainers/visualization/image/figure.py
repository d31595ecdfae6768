"""The map of an image by Plotly: heatmap, overlay, masked image or alpha scaling, with numbers under the pointer."""

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

SIDE = 768  # pixels of the photograph in a figure, at most
LARGEST = 32_767  # of a 16-bit number
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
    """What a figure is drawn on: its width and height in pixels, the part that the map covers, and the picture.

    `shown` and `under` are the picture, and what lies below the map, as addresses that hold them; empty if unknown.
    """

    width: int
    height: int
    box: Box
    shown: str = ""
    under: str = ""


def draw_figure(explanation: Explanation, look: Look, row: int = 0) -> go.Figure:
    """The look's view of target `row`; where the picture's bytes are not here, a bare heatmap."""
    sheet = _make_canvas(explanation, look)
    look = look if sheet.shown else replace(look, kind="heatmap", side_by_side=False)
    last = 2 if look.side_by_side else 1
    found = make_subplots(1, last, horizontal_spacing=0.02)
    pictures = {1: sheet.shown if look.side_by_side else "", last: sheet.under}
    for column, source in pictures.items():
        found.update_xaxes(range=[0, sheet.width], **AXIS, row=1, col=column)
        found.update_yaxes(
            range=[sheet.height, 0], scaleanchor=f"x{column}", constraintoward="top", **AXIS, row=1, col=column
        )
        if source:
            found.add_layout_image(_make_layout_image(source, sheet), row=1, col=column)
    for unread in _list_unread(sheet):
        found.add_shape(type="rect", **unread, fillcolor=_to_css((*VEIL[:3], VEIL[3])), line_width=0, row=1, col=last)
    found.add_trace(_draw_heatmap(sum_channels(explanation, row), look, sheet.box), row=1, col=last)
    return found.update_layout(height=HEIGHT, **BARE)


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


def _make_layout_image(source: str, sheet: Canvas) -> dict[str, Any]:
    size = {"x": 0, "y": 0, "sizex": sheet.width, "sizey": sheet.height}
    return {"source": source, **size, "xref": "x", "yref": "y", "sizing": "stretch", "layer": "below"}


def _list_unread(sheet: Canvas) -> Iterator[dict[str, int]]:
    """The rectangles of the picture that the map does not cover."""
    left, top, right, bottom = sheet.box
    sides = (
        (0, 0, sheet.width, top),
        (0, bottom, sheet.width, sheet.height),
        (0, top, left, bottom),
        (right, top, sheet.width, bottom),
    )
    for x0, y0, x1, y1 in sides:
        if x1 > x0 and y1 > y0:
            yield {"x0": x0, "y0": y0, "x1": x1, "y1": y1}


def _draw_heatmap(values: Floats, look: Look, box: Box) -> go.Heatmap:
    """The map as 16-bit numbers of a power of ten, which are a quarter of the size of a list."""
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
    """Where the scores of a view push, in words, by their sign; only 1 where it shows no signs."""
    return name_directions(explanation if look.sign != "absolute" else replace(explanation, signed=False), row)


def describe_figure(explanation: Explanation, look: Look, row: int = 0) -> str:
    """The figure in words."""
    values = select_sign(sum_channels(explanation, row), look.sign)
    places = [
        f"{format_share(found[0].share)} of the push {way} lies in {found[0].name}"
        for sign, way in name_shown_directions(explanation, look, row).items()
        if (found := rank_regions(values, sign))
    ]
    said = "; ".join(places) or "every score is 0"
    rows, columns = values.shape
    strongest = format_unsigned(float(np.abs(values).max()))
    return f"{NAMES[look.kind]} of {rows} rows and {columns} columns: {said}. The strongest score is {strongest}."
