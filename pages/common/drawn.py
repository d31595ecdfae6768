"""What a page shows beyond Streamlit's own words and widgets: HTML of ours, figures, tables, files.

The only place that hands HTML, figures or files to Streamlit; `views` has escaped whatever is foreign in them.
"""

from collections.abc import Callable
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from explainers.views.palette import CSS


def markup(html: str) -> None:
    """Draw HTML that `views` made, with our styles."""
    st.html(f"<style>{CSS}</style>{html}")


def chart(figure: go.Figure, said: str, key: str, **more: Any) -> Any:
    """Draw a figure; `said` is what a screen reader reads. Colours are the page's own unless `theme` says otherwise."""
    return st.plotly_chart(figure, alt=said, key=key, **{"theme": "streamlit"} | more)


def table(rows: Any, said: str, **columns: Any) -> None:
    """Draw rows as a table that can be sorted; `columns` says how some are written."""
    st.dataframe(rows, column_config=columns, hide_index=True, alt=said)


def file(label: str, data: Callable[[], str | bytes], name: str, kind: str, **more: Any) -> None:
    """A button that saves a file, which is made when it is pressed."""
    st.download_button(label, data, file_name=name, mime=kind, on_click="ignore", icon=":material/download:", **more)
