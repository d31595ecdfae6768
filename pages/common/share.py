"""Everything that leaves the page: its address, links, files, code.

Knows Requests and Explanations, no model.
"""

from urllib.parse import urlencode, urlsplit, urlunsplit

import streamlit as st

from explainers import ExplainerError, Explanation, Request
from explainers.errors import LimitReached
from explainers.export import to_csv, to_json
from explainers.links import INPUT, PACKED, PICTURE, packed
from explainers.pictures import photograph
from explainers.settings import settings
from explainers.standalone import to_html
from explainers.views.computed import code, computed, table

from . import drawn

OPENED = "opened link"  # session state: the packed inputs that the page was opened with, and those inputs


def address(request: Request) -> None:
    """Put model, method, class and settings into the address bar; a text only if the page was opened with it."""
    query = {name: text for name, text in request.to_query().items() if name != "task" and not name.startswith(INPUT)}
    if _uploaded(request):
        query = {name: text for name, text in query.items() if not name.startswith(PICTURE)}
    link, inputs = st.session_state.get(OPENED, ("", ()))
    if link and inputs == request.inputs:
        query[PACKED] = link
    if st.query_params.to_dict() != query:
        st.query_params.from_dict(query)


def link(request: Request) -> str:
    """The address that shows this very result to somebody else. Raises LimitReached for what no link carries."""
    if _uploaded(request):
        raise LimitReached("A link cannot carry your image. Download the HTML file instead: it shows the same.")
    query = {name: text for name, text in packed(request.to_query()).items() if name != "task"}
    if (length := len(query[PACKED])) > settings().link_characters:
        raise LimitReached(
            f"This text makes a link of {length:,} characters, and at most {settings().link_characters:,} are safe. "
            "Download the HTML file instead: it shows the same."
        )
    parts = urlsplit(st.context.url or "")
    return urlunsplit((parts.scheme, parts.netloc, f"/{request.task}", urlencode(query), ""))


def _uploaded(request: Request) -> bool:
    """Whether the request shows an image that is none of our photographs."""
    return any(photograph(picture.sha256) is None for picture in request.pictures.values())


def share(explanation: Explanation, key: str) -> None:
    """Link, downloads, how it was computed, and the code."""
    with st.container(horizontal=True):
        with st.popover("Copy link", icon=":material/link:"):
            _link(explanation.request)
        for label, kind, data in (
            ("HTML", "text/html", lambda: to_html(explanation)),
            ("JSON", "application/json", lambda: to_json(explanation)),
            ("CSV", "text/csv", lambda: to_csv(explanation)),
        ):
            drawn.file(f"Download {label}", data, f"wherefore.{label.lower()}", kind)
    with st.expander("How this was computed"):
        drawn.markup(table(computed(explanation)))
    with st.expander("Show the code"):
        st.caption("These lines compute the same scores again, with no browser.")
        st.code(code(explanation), language="python")


def _link(request: Request) -> None:
    try:
        address_of_result = link(request)
    except ExplainerError as error:
        st.warning(str(error))
        return
    contains = " **The link contains your text.**" if request.texts else ""
    st.markdown(f"Whoever opens this link sees the same result.{contains}")
    st.code(address_of_result, language=None, wrap_lines=True)
