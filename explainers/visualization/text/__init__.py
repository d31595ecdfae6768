"""Coloured text, and the escaping of foreign text."""
