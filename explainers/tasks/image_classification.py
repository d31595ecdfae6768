"""Image classification: which parts of the picture made the model choose this label?

Knows no method and no page.
"""

from functools import partial

import torch
from torch import Tensor

from ..errors import BadRequest, Incompatible
from ..inputs.images import PHOTOGRAPHS, decode
from ..models.loading import Bundle
from ..models.probes import vision
from ..problem import Batching, Internals, Problem
from ..progress import Run
from ..registry import params_of, read_params
from ..request import Request
from ..results.explanation import InputLayout, Prediction
from ..settings import settings
from ._scores import find_activation
from ._sequence_classification import make_prediction, make_score_function
from .base import Example, Field, Task
from .image_preprocessing import ImageInputs, ImageParams, make_baseline, preprocess
from .tokenization import ScoreParams


class ImageClassification(Task):
    """Which parts of the picture made the model choose this label?"""

    key = "image_classification"
    auto_class = "AutoModelForImageClassification"
    kind = "image"
    label = "Image classification"
    question = "Which parts of the picture made the model choose this label?"
    fields = (Field("image", "Image", "Upload a PNG, JPEG, GIF, WebP, BMP or TIFF file.", kind="image"),)
    examples = tuple(Example(photograph.title, (("image", photograph.picture),)) for photograph in PHOTOGRAPHS)
    choices = foils = "predictions"  # a thousand labels are too many to look through: the likeliest come first
    method = "occlusion"  # the map that needs the fewest words: seconds of work, with both directions, on any model
    params = params_of(ImageParams)

    def encode(self, bundle: Bundle, request: Request, run: Run) -> Problem:
        viewing = read_params(ImageParams, request.options)
        seen = self._seen(bundle, request)
        output, probe = vision.watch(bundle.model, seen.pixels, lambda: bundle.model(**seen.inputs))
        kind = find_activation(bundle.model.config)
        asked = make_score_function(bundle, request.target, output.logits, ScoreParams(unit=viewing.unit), kind)
        grid, x = (seen.features.rows, seen.features.columns), seen.pixels.reshape(1, -1, 1)  # (1, C·H·W, 1)

        patches = probe.patches
        attends = getattr(bundle.model.config, "num_attention_heads", None) is not None

        patches = probe.patches
        attends = getattr(bundle.model.config, "num_attention_heads", None) is not None

        def score(points: Tensor) -> Tensor:
            return asked.read([bundle.model(**seen.batch(points))])

        return Problem(
            features=seen.features,
            targets=asked.targets,
            prediction=asked.prediction,
            unit=asked.unit,
            x=x,
            baseline=make_baseline(seen, viewing.baseline).reshape(1, -1, 1),
            score=score,
            deployed=asked.read([output])[0],
            layout=InputLayout(grid=grid, frame=seen.frame),
            internals=Internals(
                conv=probe.find_last_map(grid),
                attentions=partial(vision.compute_attentions, bundle.model, bundle.card.label, seen.inputs, patches)
                if patches and attends
                else None,
                patches=patches,
            ),
            batching=Batching(probe.batch),
            seed=request.seed,
            run=run,
        )

    def predict(self, bundle: Bundle, request: Request) -> Prediction:
        seen = self._seen(bundle, request)
        with torch.no_grad():
            return make_prediction(bundle, bundle.model(**seen.inputs).logits, find_activation(bundle.model.config))

    def _seen(self, bundle: Bundle, request: Request) -> ImageInputs:
        """The request's picture as the model gets it."""
        picture = request.pictures.get("image")
        if picture is None:
            raise BadRequest(f"There is no image. {self.fields[0].placeholder}")
        if bundle.processor is None:
            raise Incompatible(f"{bundle.card.label} has no image processor, so it reads no images.")
        return preprocess(bundle.processor, decode(picture, settings().upload_megabytes), bundle.card.label)
