"""Plotly figures, each with a description in words."""
