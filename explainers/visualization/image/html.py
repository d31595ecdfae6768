"""The heatmaps of an image as HTML: the legend of a figure, and the images of an offline page."""

from ...inputs.images import find_photograph
from ...results.explanation import WHOLE, Explanation, sum_channels
from ..html import add_style, render_legend, render_note
from ..text.escape import escape, escape_plain
from ..text.format import format_share, format_unsigned
from ..text.spans import name_unit
from .figure import NAMES, describe_figure, name_shown_directions
from .heatmap import KINDS, Look, find_limit, select_sign
from .regions import rank_regions
from .render import find_picture, make_data_url, render_image

SIDE = 480  # largest side of an image in a page, in pixels
MASKS = {
    "masked_image": "Regions with large scores are shown, the rest is black.",
    "alpha_scaling": "Regions with small scores fade to white.",
}


def render_image_legend(explanation: Explanation, look: Look, row: int = 0) -> str:
    """Render the meaning of a view's colours, and the credit of its photograph."""
    hidden = {1: "negative", -1: "positive"}
    shown = {
        sign: name
        for sign, name in name_shown_directions(explanation, look, row).items()
        if look.kind not in MASKS and look.sign != hidden[sign]
    }
    return add_style(
        render_legend(shown, MASKS.get(look.kind, ""), _describe_scale(explanation, look, row))
        + _render_notes(explanation, look)
    )


def _describe_scale(explanation: Explanation, look: Look, row: int) -> str:
    """Describe the score that has full colour."""
    full = find_limit(select_sign(sum_channels(explanation, row), look.sign), look.outlier_threshold)
    if not full:
        return "Every score is 0."
    unit = f" of {name_unit(explanation.unit)}" if explanation.additive else ""
    beyond = f"; {format_share(look.outlier_threshold)} of all scores lie beyond it" if look.outlier_threshold else ""
    return f"Full colour: {format_unsigned(full)}{unit} per pixel{beyond}."


def _render_notes(explanation: Explanation, look: Look) -> str:
    notes = []
    if look.original and (explanation.frame or WHOLE) != WHOLE:
        notes.append("The model does not read the part under the grey veil.")
    picture = find_picture(explanation)
    if picture is None:
        notes.append("The image itself is not available; only its heatmap is shown.")
    elif shown := find_photograph(picture.sha256):
        notes.append(f"Photograph: {shown.credit}")
    return "".join(render_note(escape(note)) for note in notes)


def render_views(explanation: Explanation, row: int = 0) -> str:
    """Render the four views side by side, the overlay first, with their legend."""
    order = sorted(KINDS, key=lambda kind: kind != "overlay")
    figures = "".join(_render_figure(explanation, Look(kind), row) for kind in order)
    return f"{figures}{render_image_legend(explanation, Look(), row)}"


def _render_figure(explanation: Explanation, look: Look, row: int) -> str:
    source = make_data_url(render_image(explanation, look, row), SIDE, "PNG")
    description = escape_plain(describe_figure(explanation, look, row))
    return f'<figure><img src="{source}" alt="{description}"><figcaption>{NAMES[look.kind]}</figcaption></figure>'


def list_regions(explanation: Explanation, row: int = 0) -> list[dict[str, str | float]]:
    """List the nine regions of the image with the sum of their scores and their share of all, strongest first."""
    values = sum_channels(explanation, row)
    scores: dict[str, float] = {}
    total = float(abs(values).sum(dtype=float)) or 1.0
    for sign in (1, -1):
        mass = float((sign * values).clip(min=0).sum(dtype=float))
        for region in rank_regions(values, sign):
            scores[region.name] = scores.get(region.name, 0.0) + sign * mass * region.share
    rows: list[dict[str, str | float]] = [
        {"text": name, "score": score, "share": abs(score) / total} for name, score in scores.items()
    ]
    return sorted(rows, key=lambda cells: -float(cells["share"]))
