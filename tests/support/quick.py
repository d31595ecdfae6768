"""Settings with few samples and steps that make every method quick, for tests of what all methods share."""

from explainers import METHODS

FEW = {"samples": 6, "orders": 3, "steps": 3, "upscale": 2}


def choose_quick_settings(method: str) -> dict[str, int]:
    """Return small values for the settings of a method that decide how often the model runs."""
    return {param.name: FEW[param.name] for param in METHODS[method].params if param.name in FEW}
