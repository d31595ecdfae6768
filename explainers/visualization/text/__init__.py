"""Coloured text, escaping of foreign text, and formatting of numbers and names."""
