"""`ImageClassificationExplainer`: explain one class of an image."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..export.html import to_html
from ..models.loading import Bundle
from ..request import Picture
from ..results.explanation import Floats, Prediction
from ..settings import lift_limits, settings
from ..tasks.image_preprocessing import read_image
from ..visualization.image.heatmap import KINDS, SIGNS, Look
from ..visualization.image.plot import draw_axes
from .attributions import AttributionType, NoiseTunnelType
from .base import STEPS
from .classifier import Classifier
from .errors import AttributionTypeNotSupportedError, InvalidCall
from .page import write_page

NAMES = {
    "heatmap": "Heatmap",
    "overlay": "Heatmap overlay",
    "masked_image": "Masked image",
    "alpha_scaling": "Alpha scaling",
}


class ImageClassificationExplainer(Classifier):
    """`explainer = ImageClassificationExplainer(model, processor); explainer(image)`.

    The call returns the integrated gradients (IG) of the class's logit from a grey baseline, by default through a
    noise tunnel (IGNT), as an array (1, channels, rows, columns). Settings of a call are remembered.
    """

    task = "image_classification"

    def __init__(
        self,
        model: Any,
        feature_extractor: Any,
        attribution_type: str = AttributionType.INTEGRATED_GRADIENTS_NOISE_TUNNEL.value,
        custom_labels: Sequence[str] | None = None,
    ) -> None:
        if attribution_type not in [kind.value for kind in AttributionType]:
            known = " or ".join(kind.value for kind in AttributionType)
            raise AttributionTypeNotSupportedError(
                f"There is no attribution type {attribution_type!r} for images. Give {known}."
            )
        self._bundle = Bundle.of(model, feature_extractor)
        self.model, self.feature_extractor = self._bundle.model, self._bundle.processor
        self._name_classes(self.model, custom_labels)
        self.attribution_type = attribution_type
        self.device = model.device
        self.internal_batch_size: int | None = None
        self.n_steps, self.n_steps_noise_tunnel, self.noise_tunnel_n_samples = STEPS, 5, 10
        self.noise_tunnel_type: str = NoiseTunnelType.SMOOTHGRAD.value
        self.inputs: NDArray[Any] | None = None  # the pixels that the model reads, (1, channels, rows, columns)
        self.delta: NDArray[Any] | None = None  # the convergence delta of IG, (1,)

    def __call__(
        self,
        image: Any,
        index: int | None = None,
        class_name: str | None = None,
        internal_batch_size: int | None = None,
        n_steps: int | None = None,
        n_steps_noise_tunnel: int | None = None,
        noise_tunnel_n_samples: int | None = None,
        noise_tunnel_type: str | NoiseTunnelType = NoiseTunnelType.SMOOTHGRAD.value,
    ) -> Floats:
        """Explain `image`: the class by `index`, else by `class_name`, else the predicted one.

        The image is a PIL image, a path, bytes, or an array or tensor of pixels. The noise has the standard deviation
        1 in the model's pixel values, as in Captum, but at most their range.
        """
        kinds = [kind.value for kind in NoiseTunnelType]
        kind = noise_tunnel_type.value if isinstance(noise_tunnel_type, NoiseTunnelType) else noise_tunnel_type
        if kind not in kinds:
            raise InvalidCall(f"There is no noise tunnel type {kind!r}. Give one of {', '.join(kinds)}.")
        self.noise_tunnel_type = kind
        self.n_steps = n_steps or self.n_steps
        self.n_steps_noise_tunnel = n_steps_noise_tunnel or self.n_steps_noise_tunnel
        self.noise_tunnel_n_samples = noise_tunnel_n_samples or self.noise_tunnel_n_samples
        self.internal_batch_size = internal_batch_size or self.internal_batch_size
        return self._run(image, index, class_name)

    def _run(self, image: Any, index: int | None, class_name: str | None) -> Floats:
        target = self._choose_target(index, class_name)
        picture = Picture.of(image)
        with lift_limits():
            pixels = read_image(self._bundle, picture, settings().upload_megabytes).pixels
        params: dict[str, object] = {"samples": 1, "steps": self.n_steps, "noise": 0}
        if self.attribution_type == AttributionType.INTEGRATED_GRADIENTS_NOISE_TUNNEL.value:
            params = {
                "samples": self.noise_tunnel_n_samples,
                "steps": self.n_steps_noise_tunnel,
                "noise": 1.0 / max(float(pixels.max() - pixels.min()), 1.0),  # as a share of the pixels' range
                "kind": self.noise_tunnel_type,
            }
        request = self._request({"image": picture}, "noise_tunnel", target, **params, unit="logit", baseline="grey")
        explanation = self._explain(request, self.internal_batch_size)
        self.inputs = np.asarray(pixels)
        if explanation.baselines is not None:
            rise = explanation.values[0] - explanation.baselines[0]
            self.delta = np.array([float(np.nansum(explanation.scores[0])) - float(rise)], dtype=np.float32)
        return np.asarray(self.attributions)

    @property
    def attributions(self) -> Floats | None:
        """The scores of the last image, (1, channels, rows, columns); None before the first call."""
        found = self._explanation
        return None if found is None else found.scores[0].reshape(1, -1, *(found.grid or (1, 1)))

    @property
    def predicted_index(self) -> int:
        """Index of the class that the model predicts for the last image."""
        return int(self.predicted_class_index)

    def predict(self, image: Any) -> Prediction:
        """Predict every label with its probability, most probable first."""
        return self._predict(self._request({"image": Picture.of(image)}, "saliency"))

    def visualize(
        self,
        save_path: str | Path | None = None,
        method: str = "overlay",
        sign: str = "all",
        outlier_threshold: float = 0.1,
        use_original_image_pixels: bool = True,
        side_by_side: bool = False,
    ) -> tuple[Any, Any]:
        """Draw the last explanation: a matplotlib figure and its axes, an array of two if `side_by_side`.

        It is written to `save_path` if given, in the format of its ending: PNG, JPEG, PDF, SVG or HTML. A masked or
        faded image shows one sign only: for `all` the positive one, with a warning.
        """
        for value, known in ((method, KINDS), (sign, SIGNS)):
            if value not in known:
                raise InvalidCall(f"There is no {value!r}. Give one of {', '.join(known)}.")
        if sign == "all" and method in ("masked_image", "alpha_scaling"):
            warnings.warn(f"{method} cannot show all signs: the positive ones are shown.", stacklevel=2)
            sign = "positive"
        threshold = min(max(outlier_threshold, 0.0), 0.999)
        look = Look(method, sign, threshold, use_original_image_pixels, side_by_side)  # type: ignore[arg-type]
        explanation = self._rename_classes(self.explanation)
        explained, predicted = explanation.targets[0].label, explanation.prediction.targets[0].label
        title = f"{NAMES[method]}: why {explained}?" + ("" if explained == predicted else f" Prediction: {predicted}")
        figure, axes = draw_axes(explanation, look, title)
        if save_path and Path(save_path).suffix.lower() == ".html":
            write_page(to_html(explanation), save_path)
        elif save_path:
            figure.savefig(save_path)
        return figure, axes
