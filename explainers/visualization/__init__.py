"""Render explanations for readers: HTML, Plotly figures and sentences, with all foreign text escaped."""
