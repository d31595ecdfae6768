"""`ImageClassificationExplainer`: explain one class of an image."""

import warnings
from pathlib import Path
from typing import Any, Literal

import numpy as np
import plotly.graph_objects as go

from ..engine import predict
from ..export.html import to_html
from ..request import Picture
from ..results.explanation import Floats, Prediction
from ..tasks.image_preprocessing import read_image
from ..visualization.image.figure import draw_figure
from ..visualization.image.heatmap import KINDS, SIGNS, Look
from ..visualization.image.render import render_png
from .base import STEPS, InvalidCall, write_page
from .classifier import Classifier

NoiseTunnelType = Literal["smoothgrad", "smoothgrad_sq", "vargrad"]
TYPES = ("IG", "IGNT")


class ImageClassificationExplainer(Classifier):
    """`explainer = ImageClassificationExplainer(model, processor); explainer(image)`.

    The call returns the integrated gradients (IG) of the class's logit from a grey baseline, by default through a
    noise tunnel (IGNT), as an array (1, channels, rows, columns).
    """

    task = "image_classification"

    def __init__(
        self,
        model: Any,
        feature_extractor: Any,
        attribution_type: str = "IGNT",
        custom_labels: list[str] | None = None,
    ) -> None:
        if attribution_type not in TYPES:
            raise InvalidCall(
                f"There is no attribution type {attribution_type!r} for images. Give {' or '.join(TYPES)}."
            )
        super().__init__(model, feature_extractor, custom_labels=custom_labels)
        self._type = attribution_type

    def __call__(
        self,
        image: Any,
        index: int | None = None,
        class_name: str | None = None,
        internal_batch_size: int | None = None,
        n_steps: int | None = STEPS,
        n_steps_noise_tunnel: int | None = 5,
        noise_tunnel_n_samples: int | None = 10,
        noise_tunnel_type: NoiseTunnelType = "smoothgrad",
    ) -> Floats:
        """Explain `image`: the class by `index`, else by `class_name`, else the predicted one.

        The image is a PIL image, a path, bytes, or an array of pixels from 0 to 255.
        The noise has the standard deviation 1 in the model's pixel values, as in Captum, but at most their range.
        """
        picture = Picture.of(image)
        target = self._choose_target(index, class_name)
        params: dict[str, object] = {"samples": 1, "steps": n_steps or STEPS, "noise": 0}
        if self._type == "IGNT":
            noise = self._compute_noise(picture)
            samples, steps = noise_tunnel_n_samples or 10, n_steps_noise_tunnel or 5
            params = {
                "samples": samples,
                "steps": steps,
                "noise": noise,
                "kind": noise_tunnel_type,
            }
        request = self._request({"image": picture}, "noise_tunnel", target, **params, unit="logit", baseline="grey")
        self._explain(request, internal_batch_size)
        return self.attributions

    def _compute_noise(self, picture: Picture) -> float:
        """Return 1 in the model's pixel values as a share of their range in this image."""
        pixels = read_image(self._bundle, picture).pixels
        return 1.0 / max(float(pixels.max() - pixels.min()), 1.0)

    @property
    def attributions(self) -> Floats:
        """The scores of the last image, (1, channels, rows, columns)."""
        explanation = self.explanation
        return np.asarray(explanation.scores[0].reshape(1, -1, *(explanation.grid or (1, 1))))

    def predict(self, image: Any) -> Prediction:
        """Predict every label with its probability, most probable first."""
        return predict(self._request({"image": Picture.of(image)}, "saliency"), bundle=self._bundle)

    def visualize(
        self,
        save_path: str | None = None,
        method: str = "overlay",
        sign: str = "all",
        outlier_threshold: float = 0.1,
        use_original_image_pixels: bool = True,
        side_by_side: bool = False,
    ) -> go.Figure:
        """Draw the last explanation as a Plotly figure; write it to `save_path` if given, as HTML or else as PNG.

        A masked or faded image shows one sign only: for `all` the positive one, with a warning.
        """
        for value, known in ((method, KINDS), (sign, SIGNS)):
            if value not in known:
                raise InvalidCall(f"There is no {value!r}. Give one of {', '.join(known)}.")
        if sign == "all" and method in ("masked_image", "alpha_scaling"):
            warnings.warn(f"{method} cannot show all signs: the positive ones are shown.", stacklevel=2)
            sign = "positive"
        threshold = min(max(outlier_threshold, 0.0), 0.999)
        look = Look(method, sign, threshold, use_original_image_pixels, side_by_side)  # type: ignore[arg-type]
        if save_path is not None and Path(save_path).suffix == ".html":
            write_page(to_html(self.explanation), save_path)
        elif save_path is not None:
            path = Path(save_path)
            path.with_name(path.name if path.suffix == ".png" else path.name + ".png").write_bytes(
                render_png(self.explanation, look)
            )
        return draw_figure(self.explanation, look)
