"""Load a model of the catalogue, the model hub or a folder: the public names of models.loading."""

from .models.loading import Bundle, lease, load

__all__ = ["Bundle", "lease", "load"]
