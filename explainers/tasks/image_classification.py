"""Image classification: which parts of the picture made the model choose this label?

Knows no method and no page.
"""

import torch
from torch import Tensor

from .. import eyes
from ..classification import classes, said
from ..data import Prediction
from ..encoding import Reading
from ..errors import BadRequest, Incompatible
from ..imaging import Seen, Viewing, baseline, see
from ..loading import Bundle
from ..method import knobs, settings_of
from ..pictures import PHOTOGRAPHS, read
from ..problem import Problem, Run
from ..readout import activation
from ..request import Request
from ..settings import settings
from ..task import Example, Field, Task


class ImageClassification(Task):
    """Which parts of the picture made the model choose this label?"""

    key = "image_classification"
    label = "Image classification"
    question = "Which parts of the picture made the model choose this label?"
    fields = (Field("image", "Image", "Upload a PNG, JPEG, GIF, WebP, BMP or TIFF file.", kind="image"),)
    examples = tuple(Example(photograph.title, (("image", photograph.picture),)) for photograph in PHOTOGRAPHS)
    choices = foils = "said"  # a thousand labels are too many to look through: the likeliest come first
    method = "occlusion"  # the map that needs the fewest words: seconds of work, with both directions, on any model
    params = knobs(Viewing)

    def encode(self, bundle: Bundle, request: Request, run: Run) -> Problem:
        viewing = Viewing(**settings_of(request.options, self.params))  # type: ignore[arg-type]
        seen = self._seen(bundle, request)
        output, inside = eyes.watched(bundle.model, lambda: bundle.model(**seen.inputs))
        kind = activation(bundle.model.config)
        asked = classes(bundle, request.target, output.logits, Reading(unit=viewing.unit), kind)
        grid, x = (seen.features.rows, seen.features.columns), seen.pixels.reshape(1, -1, 1)  # (1, C·H·W, 1)

        def score(points: Tensor) -> Tensor:
            return asked.read([bundle.model(**seen.batch(points))])

        return Problem(
            features=seen.features,
            targets=asked.targets,
            prediction=asked.prediction,
            unit=asked.unit,
            x=x,
            baseline=baseline(seen, viewing.baseline).reshape(1, -1, 1),
            score=score,
            deployed=asked.read([output])[0],
            batch=inside.batch,
            grid=grid,
            frame=seen.frame,
            patches=inside.patches,
            seed=request.seed,
            run=run,
            conv=inside.last_map(grid),
            attentions=inside.attention(bundle, seen.inputs),
        )

    def predict(self, bundle: Bundle, request: Request) -> Prediction:
        seen = self._seen(bundle, request)
        with torch.no_grad():
            return said(bundle, bundle.model(**seen.inputs).logits, activation(bundle.model.config))

    def _seen(self, bundle: Bundle, request: Request) -> Seen:
        """The request's picture as the model gets it."""
        if unknown := set(dict(request.inputs)) - {"image"}:
            raise BadRequest(f"{self.label} has no input {min(unknown)[:60]!r}. Its input: image.")
        picture = request.pictures.get("image")
        if picture is None:
            raise BadRequest(f"There is no image. {self.fields[0].placeholder}")
        if bundle.processor is None:
            raise Incompatible(f"{bundle.card.label} has no image processor, so it reads no images.")
        return see(bundle.processor, read(picture, settings().upload_megabytes), bundle.card.label)
