"""Explanations of images with given scores."""

import numpy as np
from PIL import Image

from explainers.request import Picture, Request, Target
from explainers.results.explanation import Explanation, Pixels, Prediction


def make_image(width: int = 40, height: int = 20) -> Image.Image:
    """Return an image in which every pixel has another colour."""
    red, green = np.meshgrid(np.arange(width) * 6, np.arange(height) * 12)
    return Image.fromarray(np.stack([red, green, np.full_like(red, 99)], -1).astype(np.uint8))


def explain_image(scores: np.ndarray, **changes: object) -> Explanation:
    """Return an explanation of an image with scores (channels, rows, columns)."""
    channels, *grid = scores.shape
    target = Target("cat", 0, probability=0.7)
    nouns: dict[str, object] = {
        "request": Request("image_classification", "m", {"image": Picture.of(make_image())}),
        "features": Pixels("image", channels, *grid),
        "targets": (target,),
        "scores": scores.reshape(1, -1).astype(np.float32),
        "values": np.array([0.7], np.float32),
        "baselines": None,
        "unit": "probability",
        "signed": True,
        "additive": False,
        "prediction": Prediction((target,)),
        "grid": tuple(grid),
        "kind": "image",
    }
    return Explanation(**(nouns | changes))


def make_random_scores(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape) ** 3
