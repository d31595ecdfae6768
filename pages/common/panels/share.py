"""The panel that shares a result: link, downloads, how it was computed, code; and the page's address bar."""

from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit, urlunsplit

import streamlit as st

from explainers import ExplainerError, Explanation, Request
from explainers.errors import LimitReached
from explainers.export.html import to_html
from explainers.export.serialize import to_csv, to_json
from explainers.inputs.images import find_photograph
from explainers.request import INPUT, PACKED, PICTURE, pack
from explainers.settings import settings
from explainers.visualization.html import render_pairs
from explainers.visualization.summaries.provenance import list_provenance, write_code
from pages.common.ui.html import draw_html, offer_download

OPENED = "opened link"  # session state: the packed inputs that the page was opened with, and those inputs


def set_address(request: Request) -> None:
    """Put model, method, target and settings into the address bar; a text only if the page was opened with it."""
    set_query({name: text for name, text in request.to_query().items() if name != "task"}, request.inputs)


def set_query(query: Mapping[str, str], inputs: object) -> None:
    """Put a query into the address bar: its texts only if the page was opened with these inputs, never an upload."""
    visible = {name: text for name, text in query.items() if not name.startswith(INPUT)}
    if _has_upload(query):
        visible = {name: text for name, text in visible.items() if not name.startswith(PICTURE)}
    link, opened = st.session_state.get(OPENED, ("", ()))
    if link and opened == inputs:
        visible[PACKED] = link
    if st.query_params.to_dict() != visible:
        st.query_params.from_dict(visible)


def make_link(query: Mapping[str, str], page: str) -> str:
    """Return the address that shows the same result. Raises LimitReached for an upload or too long a text."""
    if _has_upload(query):
        raise LimitReached(
            "A link cannot contain your image. Download the HTML file instead: it shows the same result."
        )
    packed = pack(query)
    if (length := len(packed[PACKED])) > settings().link_characters:
        raise LimitReached(
            f"The link would have {length:,} characters, and at most {settings().link_characters:,} are allowed. "
            "Download the HTML file instead: it shows the same result."
        )
    parts = urlsplit(st.context.url or "")
    return urlunsplit((parts.scheme, parts.netloc, f"/{page}", urlencode(packed), ""))


def _has_upload(query: Mapping[str, str]) -> bool:
    """Return True if the query names an image that is not one of our photographs."""
    return any(find_photograph(sha256) is None for name, sha256 in query.items() if name.startswith(PICTURE))


def draw(explanation: Explanation, key: str) -> None:
    """Draw the link, the downloads, how the result was computed, and the code."""
    with st.container(horizontal=True):
        query = {name: text for name, text in explanation.request.to_query().items() if name != "task"}
        offer_link(query, explanation.request.task)
        for label, kind, data in (
            ("HTML", "text/html", lambda: to_html(explanation)),
            ("JSON", "application/json", lambda: to_json(explanation)),
            ("CSV", "text/csv", lambda: to_csv(explanation)),
        ):
            offer_download(f"Download {label}", data, f"wherefore.{label.lower()}", kind)
    with st.expander("How this was computed"):
        draw_html(render_pairs(list_provenance(explanation)))
    with st.expander("Show the code"):
        st.caption("Run these lines in Python to compute the same scores.")
        st.code(write_code(explanation), language="python")


def offer_link(query: Mapping[str, str], page: str) -> None:
    """Draw a button that shows the link to a result: the address of a page with this query."""
    with st.popover("Copy link", icon=":material/link:"):
        try:
            link = make_link(query, page)
        except ExplainerError as error:
            st.warning(str(error))
            return
        contains = " **The link contains your text.**" if any(name.startswith(INPUT) for name in query) else ""
        st.markdown(f"Whoever opens this link sees the same result.{contains}")
        st.code(link, language=None, wrap_lines=True)
