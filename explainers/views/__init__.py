"""Explanations as people see them: HTML text, Plotly figures, table rows.

Every foreign string is escaped in HTML; figures are returned, not shown.
"""
