"""Plotly figures, each with its description in words."""
