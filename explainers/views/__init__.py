"""Explanations as people see them: HTML text, Plotly figures, table rows.

Knows no Streamlit and no torch.
"""
