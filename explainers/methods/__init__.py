"""The attribution methods: importing this package registers each of its files in METHODS.

Knows no task and no model.
"""

from ..method import METHODS
from .attention import attention, attention_rollout, value_zeroing
from .grad_cam import grad_cam
from .gradients import input_x_gradient, saliency, smooth_grad
from .integrated_gradients import integrated_gradients
from .layer_gradient import layer_gradient_x_activation
from .layer_integrated_gradients import layer_integrated_gradients
from .noise_tunnel import noise_tunnel
from .occlusion import occlusion

__all__ = [
    "METHODS",
    "attention",
    "attention_rollout",
    "grad_cam",
    "input_x_gradient",
    "integrated_gradients",
    "layer_gradient_x_activation",
    "layer_integrated_gradients",
    "noise_tunnel",
    "occlusion",
    "saliency",
    "smooth_grad",
    "value_zeroing",
]
