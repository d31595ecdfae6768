"""Attribution methods, one file each. Importing the package registers them in METHODS."""

from ..registry import METHODS
from .allennlp import allennlp_gradient, allennlp_integrated_gradient, allennlp_smooth_gradient
from .attention import attention, attention_rollout, value_zeroing
from .discretized_integrated_gradients import discretized_integrated_gradients
from .grad_cam import grad_cam
from .gradient_shap import gradient_shap
from .gradients import input_x_gradient, saliency
from .integrated_gradients import integrated_gradients
from .layer_gradient import layer_gradient_x_activation
from .layer_integrated_gradients import layer_integrated_gradients
from .lime import lime
from .noise_tunnel import noise_tunnel
from .occlusion import occlusion
from .sequential_integrated_gradients import sequential_integrated_gradients
from .shapley import kernel_shap, shapley_value_sampling
from .smooth_grad import smooth_grad, square_grad, var_grad

__all__ = [
    "METHODS",
    "allennlp_gradient",
    "allennlp_integrated_gradient",
    "allennlp_smooth_gradient",
    "attention",
    "attention_rollout",
    "discretized_integrated_gradients",
    "grad_cam",
    "gradient_shap",
    "input_x_gradient",
    "integrated_gradients",
    "kernel_shap",
    "layer_gradient_x_activation",
    "layer_integrated_gradients",
    "lime",
    "noise_tunnel",
    "occlusion",
    "saliency",
    "sequential_integrated_gradients",
    "shapley_value_sampling",
    "smooth_grad",
    "square_grad",
    "value_zeroing",
    "var_grad",
]
