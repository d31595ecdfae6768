"""Settings that make every method quick, for tests of what all methods share: few samples, few steps."""

from explainers import METHODS

FEW = {"samples": 6, "orders": 3, "steps": 3, "upscale": 2}


def quick(method: str) -> dict[str, int]:
    """The settings of a method that decide how often the model runs, at a few times."""
    return {param.name: FEW[param.name] for param in METHODS[method].params if param.name in FEW}
