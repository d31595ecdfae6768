"""Image classification: the model assigns one of its labels to a picture."""

from functools import partial

import torch
from torch import Tensor

from ..errors import BadRequest
from ..inputs.images import PHOTOGRAPHS
from ..models.loading import Bundle
from ..models.probes import vision
from ..models.probes.activations import list_activations
from ..problem import Batching, Internals, Problem
from ..progress import Run
from ..registry import list_params
from ..request import ValidRequest
from ..results.explanation import InputLayout, Prediction
from ..settings import settings
from ._outputs import read_class_logits
from ._scores import find_activation
from ._sequence_classification import make_prediction, make_score_function
from .base import Example, Field, Task
from .image_preprocessing import ImageInputs, ImageParams, make_baseline, read_image
from .tokenization import ScoreParams


class ImageClassification(Task):
    """Which parts of the image made the model choose this label?"""

    key = "image_classification"
    auto_class = "AutoModelForImageClassification"
    kind = "image"
    label = "Image classification"
    question = "Which parts of the image made the model choose this label?"
    fields = (Field("image", "Image", "Upload a PNG, JPEG, GIF, WebP, BMP or TIFF file.", kind="image"),)
    examples = tuple(Example(photograph.title, (("image", photograph.picture),)) for photograph in PHOTOGRAPHS)
    choices = foils = "predictions"  # a thousand labels are too many for a list
    method = "occlusion"  # easy to read, works with any model, and takes seconds
    params = list_params(ImageParams)

    def encode(self, bundle: Bundle, request: ValidRequest, run: Run) -> Problem:
        params, image = request.read(ImageParams), self._preprocess(bundle, request)
        run.notices += image.notices
        model, config = bundle.model, bundle.model.config
        output, probe = vision.watch(model, image.pixels, lambda: model(**image.inputs))
        score_params = ScoreParams(unit=params.unit)
        function = make_score_function(
            bundle, request.target, read_class_logits(bundle, output), score_params, find_activation(config)
        )
        grid, patches = (image.features.rows, image.features.columns), probe.patches
        has_attention = patches is not None and getattr(config, "num_attention_heads", None) is not None
        read_attentions = partial(vision.compute_attentions, model, bundle.card.label, image.inputs)
        conv = probe.find_last_map(grid)
        missing = {
            "conv": None if conv else vision.NO_MAP,
            "attentions": None if has_attention else vision.NO_ATTENTION,
        }

        def score(points: Tensor) -> Tensor:
            return function.read([model(**image.batch(points))])

        return Problem(
            features=image.features,
            targets=function.targets,
            prediction=function.prediction,
            unit=function.unit,
            x=image.pixels.reshape(1, -1, 1),  # (1, C·H·W, 1)
            baseline=make_baseline(image, params.baseline).reshape(1, -1, 1),
            score=score,
            deployed=function.read([output])[0],
            layout=InputLayout(grid=grid, frame=image.frame),
            internals=Internals(
                conv=conv,
                attentions=partial(read_attentions, patches) if patches and has_attention else None,
                patches=patches,
                activations=list_activations(model),
                reasons=tuple((name, why) for name, why in missing.items() if why),
            ),
            batching=Batching(min(probe.batch, bundle.largest_batch), 64 if bundle.largest_batch > 1 else 1),
            seed=request.seed,
            run=run,
        )

    def predict(self, bundle: Bundle, request: ValidRequest) -> Prediction:
        image = self._preprocess(bundle, request)
        with torch.no_grad():
            return make_prediction(
                bundle, read_class_logits(bundle, bundle.model(**image.inputs)), find_activation(bundle.model.config)
            )

    def _preprocess(self, bundle: Bundle, request: ValidRequest) -> ImageInputs:
        picture = request.pictures.get("image")
        if text := request.texts.get("image"):
            raise BadRequest(f"The image {text[:60]!r} is a text. Give it as a Path, bytes or a PIL image.")
        if picture is None:
            raise BadRequest(f"There is no image. {self.fields[0].placeholder}")
        assert bundle.largest_batch  # the probe refuses a model whose passes differ
        return read_image(bundle, picture, settings().upload_megabytes)
