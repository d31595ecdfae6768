"""Write results as files: JSON and CSV that load again, and self-contained HTML."""

from .serialize import from_json, to_csv, to_json

__all__ = ["from_json", "to_csv", "to_json"]
