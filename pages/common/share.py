"""Everything that leaves the page: its address, links, files, code.

Knows Requests and Explanations, no model.
"""

from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit, urlunsplit

import streamlit as st

from explainers import ExplainerError, Explanation, Request
from explainers.errors import LimitReached
from explainers.export import to_csv, to_json
from explainers.links import INPUT, PACKED, PICTURE, packed
from explainers.pictures import photograph
from explainers.settings import settings
from explainers.standalone import to_html
from explainers.views.computed import code, computed
from explainers.views.html import pairs

from . import drawn

OPENED = "opened link"  # session state: the packed inputs that the page was opened with, and those inputs


def address(request: Request) -> None:
    """Put model, method, class and settings into the address bar; a text only if the page was opened with it."""
    put({name: text for name, text in request.to_query().items() if name != "task"}, request.inputs)


def put(query: Mapping[str, str], inputs: object) -> None:
    """Put a query into the address bar: its texts only if the page was opened with these inputs, no upload ever."""
    shown = {name: text for name, text in query.items() if not name.startswith(INPUT)}
    if _uploaded(query):
        shown = {name: text for name, text in shown.items() if not name.startswith(PICTURE)}
    link, opened = st.session_state.get(OPENED, ("", ()))
    if link and opened == inputs:
        shown[PACKED] = link
    if st.query_params.to_dict() != shown:
        st.query_params.from_dict(shown)


def link(query: Mapping[str, str], page: str) -> str:
    """The address that shows this very result to somebody else. Raises LimitReached for what no link carries."""
    if _uploaded(query):
        raise LimitReached("A link cannot carry your image. Download the HTML file instead: it shows the same.")
    small = packed(query)
    if (length := len(small[PACKED])) > settings().link_characters:
        raise LimitReached(
            f"This text makes a link of {length:,} characters, and at most {settings().link_characters:,} are safe. "
            "Download the HTML file instead: it shows the same."
        )
    parts = urlsplit(st.context.url or "")
    return urlunsplit((parts.scheme, parts.netloc, f"/{page}", urlencode(small), ""))


def _uploaded(query: Mapping[str, str]) -> bool:
    """Whether the query names an image that is none of our photographs."""
    return any(photograph(sha256) is None for name, sha256 in query.items() if name.startswith(PICTURE))


def share(explanation: Explanation, key: str) -> None:
    """Link, downloads, how it was computed, and the code."""
    with st.container(horizontal=True):
        query = {name: text for name, text in explanation.request.to_query().items() if name != "task"}
        copy_link(query, explanation.request.task)
        for label, kind, data in (
            ("HTML", "text/html", lambda: to_html(explanation)),
            ("JSON", "application/json", lambda: to_json(explanation)),
            ("CSV", "text/csv", lambda: to_csv(explanation)),
        ):
            drawn.file(f"Download {label}", data, f"wherefore.{label.lower()}", kind)
    with st.expander("How this was computed"):
        drawn.markup(pairs(computed(explanation)))
    with st.expander("Show the code"):
        st.caption("These lines compute the same scores again, with no browser.")
        st.code(code(explanation), language="python")


def copy_link(query: Mapping[str, str], page: str) -> None:
    """A button that shows the link to a result, which is a page's with this query."""
    with st.popover("Copy link", icon=":material/link:"):
        try:
            address_of_result = link(query, page)
        except ExplainerError as error:
            st.warning(str(error))
            return
        contains = " **The link contains your text.**" if any(name.startswith(INPUT) for name in query) else ""
        st.markdown(f"Whoever opens this link sees the same result.{contains}")
        st.code(address_of_result, language=None, wrap_lines=True)
