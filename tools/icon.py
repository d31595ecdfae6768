"""Draw assets/icon.png: two marks like the commas of a quotation, one towards and one away.

Run it with `python tools/icon.py`.
"""

from pathlib import Path

from PIL import Image, ImageDraw

SIZE, SCALE = 64, 8  # drawn eight times as large, then made smaller: smooth edges
TOWARDS, AWAY, EDGE = "#2166ac", "#e66101", "#ffffff"
DOT = 27  # the width of a mark's dot
TARGET = Path(__file__).parent.parent / "assets" / "icon.png"


def draw_mark(draw: ImageDraw.ImageDraw, left: float, top: float, edge: float, colour: str) -> None:
    """Draw a dot with a tail, in units of the finished icon, `edge` wider on every side."""
    tail = [(left, top + 10), (left + DOT, top + 13), (left + DOT - 6, top + 33), (left + 8, top + 45)]
    tail += [(left + 5, top + 41), (left + 13, top + 31), (left + 15, top + 24)]
    points = [(SCALE * x, SCALE * y) for x, y in tail]
    box = (left - edge, top - edge, left + DOT + edge, top + DOT + edge)
    draw.ellipse([SCALE * value for value in box], fill=colour)
    draw.polygon(points, fill=colour)
    draw.line([*points, points[0]], fill=colour, width=int(2 * edge * SCALE), joint="curve")


def draw_icon() -> Image.Image:
    """Draw the icon as RGBA; the light edge keeps both marks readable on a dark tab."""
    large = Image.new("RGBA", (SIZE * SCALE, SIZE * SCALE), "#ffffff00")
    draw = ImageDraw.Draw(large)
    for left, colour in ((3.5, TOWARDS), (34, AWAY)):
        draw_mark(draw, left, 8, 2.5, EDGE)
        draw_mark(draw, left, 8, 0, colour)
    return large.resize((SIZE, SIZE), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    TARGET.parent.mkdir(exist_ok=True)
    draw_icon().save(TARGET, optimize=True)
