"""Measure the accuracy of an ImageNet classifier that we did not train on Caltech-101: `efficientnet-lite0`."""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor
from transformers import BaseImageProcessor, PreTrainedModel

from training.jobs import Scores
from training.objects import FOLDERS, open_pictures

NAMES = {
    "airplanes": ("airliner", "warplane"),
    "binocular": ("binoculars",),
    "butterfly": ("admiral", "ringlet", "monarch", "cabbage butterfly", "sulphur butterfly", "lycaenid"),
    "camera": ("reflex camera", "Polaroid camera"),
    "cellphone": ("cellular telephone",),
    "cougar_body": ("cougar",),
    "crab": ("Dungeness crab", "rock crab", "fiddler crab", "king crab"),
    "crocodile": ("African crocodile", "American alligator"),
    "cup": ("cup", "coffee mug"),
    "elephant": ("tusker", "Indian elephant", "African elephant"),
    "lamp": ("table lamp", "lampshade"),
    "laptop": ("laptop", "notebook"),
    "Leopards": ("leopard",),
    "lobster": ("American lobster", "spiny lobster"),
    "nautilus": ("chambered nautilus",),
    "panda": ("giant panda",),
    "saxophone": ("sax",),
}
"""The classes of ImageNet that are right for a folder, where they do not simply bear its name."""
ONLY_NEAR = {"kangaroo", "ketch", "stop_sign", "watch"}
"""Folders left out: ImageNet has wallabies, yawls, street signs and stopwatches, but not these."""


def list_shared_classes() -> dict[str, tuple[str, ...]]:
    """Return the folders whose pictures ImageNet has a class for, with the names of all such classes."""
    return {name: NAMES.get(name, (name.replace("_", " "),)) for name in FOLDERS if name not in ONLY_NEAR}


def rank_classes(
    model: PreTrainedModel, processor: BaseImageProcessor, data: Path
) -> Iterator[tuple[Tensor, set[int]]]:
    """Yield for every picture all classes, the most probable first, and the correct ones."""
    index = {name: i for i, name in model.config.id2label.items()}
    right = {folder: {index[name] for name in names} for folder, names in list_shared_classes().items()}
    for folder, picture in open_pictures(data, list(right)):
        with torch.inference_mode():
            logits = model(**processor(picture, return_tensors="pt")).logits[0]  # (1000,)
        yield logits.argsort(descending=True), right[folder]


def measure_imagenet(model: PreTrainedModel, processor: BaseImageProcessor, data: Path) -> Scores:
    """Return accuracy on all pictures of the classes that both have."""
    rows = [[int(i) in right for i in order[:5]] for order, right in rank_classes(model, processor, data)]
    return {
        f"accuracy on {len(rows)} pictures of {len(list_shared_classes())} classes": sum(row[0] for row in rows)
        / len(rows),
        "among the first five": sum(map(any, rows)) / len(rows),
    }
