"""The HTML page that `visualize` returns and writes."""

from pathlib import Path


class Page(str):
    """An HTML page as a string that notebooks render, with the attributes of IPython's HTML."""

    @property
    def data(self) -> str:
        """The HTML."""
        return str(self)

    def _repr_html_(self) -> str:
        return str(self)

    __html__ = _repr_html_


def write_page(html: str, html_filepath: str | Path | None) -> Page:
    """Return the page; write it to `html_filepath` if given, with `.html` added if missing."""
    if html_filepath:
        path = Path(html_filepath)
        name = path.name if path.suffix == ".html" else path.name + ".html"
        path.with_name(name).write_text(html, "utf-8")
    return Page(html)
