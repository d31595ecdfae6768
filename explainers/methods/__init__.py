"""The attribution methods: importing this package registers each of its files in METHODS.

Knows no task and no model.
"""

from ..method import METHODS
from .attention_rollout import attention_rollout
from .grad_cam import grad_cam
from .gradients import input_x_gradient, saliency, smooth_grad
from .integrated_gradients import integrated_gradients
from .layer_integrated_gradients import layer_integrated_gradients
from .noise_tunnel import noise_tunnel
from .occlusion import occlusion

__all__ = [
    "METHODS",
    "attention_rollout",
    "grad_cam",
    "input_x_gradient",
    "integrated_gradients",
    "layer_integrated_gradients",
    "noise_tunnel",
    "occlusion",
    "saliency",
    "smooth_grad",
]
