"""Our HTML, figures, tables and files on a page.

The only place that hands them to Streamlit; the views have escaped all foreign text in them.
"""

from collections.abc import Callable
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from explainers.visualization.palette import CSS


def draw_html(html: str) -> None:
    """Draw HTML made by a view, with our styles."""
    st.html(f"<style>{CSS}</style>{html}")


def draw_chart(figure: go.Figure, description: str, key: str, **more: Any) -> Any:
    """Draw a figure; `description` is its text for screen readers. Colours are the page's unless `theme` is given."""
    return st.plotly_chart(figure, alt=description, key=key, **{"theme": "streamlit"} | more)


def draw_table(rows: Any, description: str, **columns: Any) -> None:
    """Draw rows as a sortable table; `columns` configures some of its columns."""
    st.dataframe(rows, column_config=columns, hide_index=True, placeholder="–", alt=description)


def offer_download(label: str, data: Callable[[], str | bytes], name: str, kind: str, **more: Any) -> None:
    """Draw a button that downloads a file, which is made when the button is pressed."""
    st.download_button(label, data, file_name=name, mime=kind, on_click="ignore", icon=":material/download:", **more)
