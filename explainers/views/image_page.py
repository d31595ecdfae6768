"""The maps of an image as HTML: the legend under a figure, and the pictures of a page that opens offline."""

from ..data import Explanation
from ..pictures import photograph
from .drawings import address, drawn, picture_of
from .html import legend as key_of
from .html import note, styled
from .images import NAMES, alt, shown_ways
from .maps import KINDS, WHOLE, Look, chosen, limit, summed
from .regions import regions
from .spans import unit_in_words
from .text import escaped, percent, plain, unsigned

SIDE = 480  # pixels of a picture in a page
MASKS = {"masked_image": "What matters is shown, the rest is black.", "alpha_scaling": "What does not matter fades."}


def legend(explanation: Explanation, look: Look, row: int = 0) -> str:
    """What the colours of a view stand for, and whom its photograph is by."""
    hidden = {1: "negative", -1: "positive"}
    shown = {
        sign: said
        for sign, said in shown_ways(explanation, look, row).items()
        if look.kind not in MASKS and look.sign != hidden[sign]
    }
    return styled(key_of(shown, MASKS.get(look.kind, ""), _scale(explanation, look, row)) + _notes(explanation, look))


def _scale(explanation: Explanation, look: Look, row: int) -> str:
    """What the strongest colour stands for, in words."""
    full = limit(chosen(summed(explanation, row), look.sign), look.outlier_threshold)
    if not full:
        return "Every score is 0."
    measure = f" of {unit_in_words(explanation.unit)}" if explanation.additive else ""
    beyond = f"; {percent(look.outlier_threshold)} of all credit lies beyond it" if look.outlier_threshold else ""
    return f"Full colour: {unsigned(full)}{measure} a pixel{beyond}."


def _notes(explanation: Explanation, look: Look) -> str:
    notes = []
    if look.original and (explanation.frame or WHOLE) != WHOLE:
        notes.append("The model reads the part that is not veiled in grey.")
    picture = picture_of(explanation)
    if picture is None:
        notes.append("The picture itself is not here, only its map.")
    elif shown := photograph(picture.sha256):
        notes.append(f"Photograph: {shown.credit}")
    return "".join(note(escaped(said)) for said in notes)


def pictures(explanation: Explanation, row: int = 0) -> str:
    """The four views beside each other, the overlay first, with their legend."""
    order = sorted(KINDS, key=lambda kind: kind != "overlay")
    figures = "".join(_figure(explanation, Look(kind), row) for kind in order)
    return f"{figures}{legend(explanation, Look(), row)}"


def _figure(explanation: Explanation, look: Look, row: int) -> str:
    source = address(drawn(explanation, look, row), SIDE, "PNG")
    said = plain(alt(explanation, look, row))
    return f'<figure><img src="{source}" alt="{said}"><figcaption>{NAMES[look.kind]}</figcaption></figure>'


def places(explanation: Explanation, row: int = 0) -> list[dict[str, str | float]]:
    """The nine parts of the picture with the sum of their scores and their share of all credit, strongest first."""
    values = summed(explanation, row)
    scores: dict[str, float] = {}
    total = float(abs(values).sum(dtype=float)) or 1.0
    for sign in (1, -1):
        mass = float((sign * values).clip(min=0).sum(dtype=float))
        for region in regions(values, sign):
            scores[region.name] = scores.get(region.name, 0.0) + sign * mass * region.share
    found: list[dict[str, str | float]] = [
        {"text": name, "score": score, "share": abs(score) / total} for name, score in scores.items()
    ]
    return sorted(found, key=lambda cells: -float(cells["share"]))
