"""Explanations as people see them: HTML, Plotly figures, and sentences. Foreign text is escaped."""
