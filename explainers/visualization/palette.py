"""The colours and the style sheet of all views, for light and dark themes; a score of 0 has no colour."""

# "either" is for figures, which do not know the theme of the page: a contrast of 3:1 on both.
TOWARDS = {"light": "#2166ac", "dark": "#67a9cf", "either": "#3f8ac4"}
AWAY = {"light": "#e66101", "dark": "#fdb863", "either": "#d9731f"}
MAX_OPACITY = {"light": 0.55, "dark": 0.48}  # opacity at which text keeps a contrast of 4.5:1 on all four colours
UNREAD_OPACITY = 0.7  # of text that was truncated
OVERLAY_OPACITY = 0.8  # of the strongest colour over an image
VEIL = (128, 128, 128, 0.55)  # over the part of an image that the model does not read
MARGIN = {"l": 8, "r": 8, "t": 8, "b": 8}  # of a figure, in pixels
PAPER, INK = (255, 255, 255), (0, 0, 0)
# Labels of entities: not blue or orange, which are scores. A tint under the text and a line, for either theme.
ENTITY_COLOURS = tuple(
    (f"rgb({shade} / .16)", f"rgb({shade})")
    for shade in ("34 136 51", "170 51 119", "136 136 136", "153 153 51", "68 170 153", "136 34 85")
)


def to_rgba(colour: str, alpha: float | str) -> str:
    """Return a hex colour with an opacity, for CSS and Plotly."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, {alpha})"


def make_diverging_scale(opacity: float) -> list[tuple[float, str]]:
    """Return Plotly's colour scale from the lowest to the highest score; 0 is transparent."""
    away, towards = AWAY["dark"], TOWARDS["dark"]
    return [
        (0.0, to_rgba(away, opacity)),
        (0.5, to_rgba(away, 0)),
        (0.5, to_rgba(towards, 0)),
        (1.0, to_rgba(towards, opacity)),
    ]


def _make_shade(colours: dict[str, str]) -> str:
    """Return a CSS background whose opacity follows the number --s, 0 to 1."""
    light, dark = (_to_rgb(colours[theme], f"calc(var(--s) * {MAX_OPACITY[theme]})") for theme in ("light", "dark"))
    return f"{light}; background: light-dark({light}, {dark})"


def _to_rgb(colour: str, alpha: str) -> str:
    red, green, blue = split_rgb(colour)
    return f"rgb({red} {green} {blue} / {alpha})"


def split_rgb(colour: str) -> tuple[int, int, int]:
    """Return red, green and blue, 0 to 255."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _make_fill(colours: dict[str, str]) -> str:
    """Return a CSS background for each theme."""
    return f"{colours['light']}; background: light-dark({colours['light']}, {colours['dark']})"


def _make_border(colours: dict[str, str]) -> str:
    return f"{colours['light']}; border-color: light-dark({colours['light']}, {colours['dark']})"


CSS = f"""
.wf-map {{ font-size: 1.15rem; line-height: 2.1; max-width: 48rem; white-space: pre-wrap; overflow-wrap: anywhere; }}
.wf-t {{ position: relative; border-radius: .2em; border-bottom: .14em none; padding-bottom: .08em; }}
.wf-p {{ background: {_make_shade(TOWARDS)}; border-color: {_make_border(TOWARDS)}; }}
.wf-n {{ background: {_make_shade(AWAY)}; border-color: {_make_border(AWAY)}; }}
.wf-p.wf-strong {{ border-bottom-style: solid; }}
.wf-n.wf-strong {{ border-bottom-style: dashed; }}
.wf-t:focus-visible {{ outline: .15em solid currentColor; outline-offset: .1em; }}
.wf-t:hover::after, .wf-t:focus::after {{
  content: attr(data-n); position: absolute; left: 0; bottom: 100%; z-index: 9; padding: .15em .5em;
  border-radius: .3em;
  background: #222; background: light-dark(#222, #eee); color: #fff; color: light-dark(#fff, #111);
  font-size: .8rem; line-height: 1.4; white-space: nowrap; font-variant-numeric: tabular-nums; pointer-events: none; }}
.wf-unread {{ opacity: {UNREAD_OPACITY}; }}
.wf-mark {{ font-size: .7em; border: 1px dotted currentColor; border-radius: .2em; padding: 0 .2em; }}
.wf-legend {{ display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; font-size: .9rem; margin-top: .4rem; }}
.wf-key {{ padding: .1em .5em; border-radius: .2em; border-bottom-width: .14em; }}
.wf-field {{ font-size: .85rem; font-weight: 600; opacity: .8; margin-top: .6rem; }}
.wf-said {{ font-size: 1.2rem; line-height: 1.6; max-width: 48rem; overflow-wrap: anywhere; }}
.wf-meter {{ margin-top: .6rem; font-size: .9rem; font-variant-numeric: tabular-nums; max-width: 48rem; }}
.wf-bar {{ height: .5rem; border-radius: .25rem; margin: .3rem 0; overflow: hidden; }}
.wf-bar {{ background: rgb(128 128 128 / .25); }}
.wf-bar i {{ display: block; height: 100%; background: {_make_fill(TOWARDS)}; }}
.wf-warn .wf-bar i {{ background: {_make_fill(AWAY)}; }}
.wf-how th {{ text-align: start; vertical-align: top; padding-inline-end: 1rem; font-weight: 600; }}
.wf-how td {{ overflow-wrap: anywhere; }}
.wf-quote {{ margin: .2rem 0; padding: .1rem .8rem; border-inline-start: .2rem solid rgb(128 128 128 / .4);
  white-space: pre-wrap; overflow-wrap: anywhere; }}
.wf-quote mark {{ --s: 1; color: inherit; background: {_make_shade(TOWARDS)}; border-radius: .2em; padding: 0 .1em; }}
.wf-measures {{ margin: 1rem 0; font-size: .95rem; max-width: 60rem; font-variant-numeric: tabular-nums; }}
.wf-measures td, .wf-measures thead th {{ padding: .3rem .6rem .3rem 0; vertical-align: top; }}
.wf-measures .wf-note {{ font-weight: 400; }}
.wf-measures td span {{ white-space: nowrap; }}
.wf-note {{ font-size: .9rem; max-width: 48rem; }}
.wf-diff del {{ opacity: {UNREAD_OPACITY}; text-decoration: line-through; text-decoration-thickness: .12em; }}
.wf-diff ins {{ font-weight: 700; text-decoration: underline; text-underline-offset: .2em; }}
.wf-diff ins {{ background: rgb(128 128 128 / .2); border-radius: .2em; padding: 0 .15em; margin-inline-start: .2em; }}
.wf-heard {{ position: absolute; width: 1px; height: 1px; overflow: hidden; white-space: nowrap; }}
.wf-heard {{ clip-path: inset(50%); user-select: none; }}
"""
