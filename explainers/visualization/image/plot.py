"""A heatmap drawn on its image by matplotlib, for notebooks and files in its formats."""

import builtins
from typing import Any

import numpy as np

from ...results.explanation import Explanation
from .heatmap import Look, compute_strengths, list_colour_stops, locate_frame
from .render import find_picture, make_background, tone_image

SIDE = 6  # inches


def draw_axes(explanation: Explanation, look: Look, title: str, row: int = 0) -> tuple[Any, Any]:
    """Draw the scores of target `row` on the image; return the figure and its axes, an array of two if side by side.

    In a notebook pyplot makes the figure, so that it is shown; elsewhere nothing else keeps it in memory.
    """
    from matplotlib.colors import LinearSegmentedColormap  # slow to import, and only needed here

    figure, axes = _make_axes(2 if look.side_by_side else 1)
    last = axes[-1]
    picture, grid = find_picture(explanation), explanation.grid or (1, 1)
    box = (0, 0, grid[1], grid[0])
    if picture is not None:
        image = make_background(picture, grid, explanation.frame, look.original)
        box = locate_frame(explanation.frame, image.size) if look.original else (0, 0, *image.size)
        last.imshow(np.asarray(tone_image(image, look.kind)))
        if look.side_by_side:
            axes[0].imshow(np.asarray(image))
            axes[0].set_title("Original image")
    stops = [
        ((at + 1) / 2, (red / 255, green / 255, blue / 255, opacity))
        for at, (red, green, blue, opacity) in list_colour_stops(look.kind)
    ]
    left, top, right, bottom = box
    drawn = last.imshow(
        compute_strengths(explanation, look, row),
        cmap=LinearSegmentedColormap.from_list(look.kind, stops),
        vmin=-1,
        vmax=1,
        extent=(left, right, bottom, top),
        interpolation="nearest",
    )
    last.set_title(title)
    if look.kind in ("heatmap", "overlay"):
        figure.colorbar(drawn, ax=last, orientation="horizontal", label="share of the score with full colour")
    for one in axes:
        one.set_xticks([])
        one.set_yticks([])
    return figure, axes if look.side_by_side else last


def _make_axes(count: int) -> tuple[Any, Any]:
    options: dict[str, Any] = {"figsize": (SIDE * count, SIDE), "layout": "constrained"}
    if hasattr(builtins, "__IPYTHON__"):
        from matplotlib import pyplot

        figure = pyplot.figure(**options)
    else:
        from matplotlib.figure import Figure

        figure = Figure(**options)
    return figure, figure.subplots(1, count, squeeze=False)[0]
