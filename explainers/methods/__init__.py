"""The attribution methods: importing this package registers each of its files in METHODS.

Knows no task and no model.
"""

from ..method import METHODS
from .gradients import input_x_gradient, saliency, smooth_grad
from .integrated_gradients import integrated_gradients
from .layer_integrated_gradients import layer_integrated_gradients

__all__ = [
    "METHODS",
    "input_x_gradient",
    "integrated_gradients",
    "layer_integrated_gradients",
    "saliency",
    "smooth_grad",
]
