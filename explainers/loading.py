"""Load a model of the catalogue, from the model hub, or from a folder: the public address of models.loading."""

from .models.loading import Bundle, lease, load

__all__ = ["Bundle", "lease", "load"]
