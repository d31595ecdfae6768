"""The command that prints the settings of this server."""

from ..settings import format_environment, settings


def print_settings() -> None:
    """Print each setting as the environment variable that sets it."""
    for name, text in format_environment(settings()).items():
        print(f"{name}={text}")
