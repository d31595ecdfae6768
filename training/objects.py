"""The classifier of everyday objects in images: `objects`.

python -m training.objects objects --data DIR --base FILE.onnx
"""

import random
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from PIL import Image, ImageEnhance, ImageOps
from torch import Tensor, nn
from transformers import BitImageProcessorPil, PreTrainedModel

from training.adapter import compute_outputs, select_inputs
from training.batches import Example, collate
from training.command import train_from_command_line
from training.jobs import Job, Recipe, Scores
from training.vision import VIT

AS_IT_IS = 0.2
"""How often a picture is trained on as it is, and not as a random variant."""
DECAY = 0.01
"""Weight decay of the head that is fitted first."""

# fmt: off
FOLDERS = (
    "accordion", "airplanes", "ant", "barrel", "beaver", "binocular", "butterfly", "camera", "cannon",
    "cellphone", "cougar_body", "crab", "crayfish", "crocodile", "cup", "dalmatian", "dragonfly",
    "electric_guitar", "elephant", "flamingo", "grand_piano", "kangaroo", "ketch", "lamp", "laptop",
    "Leopards", "llama", "lobster", "nautilus", "panda", "pizza", "platypus", "revolver", "rooster",
    "saxophone", "schooner", "scorpion", "soccer_ball", "starfish", "stop_sign", "strawberry", "tick",
    "trilobite", "umbrella", "watch",
)
# fmt: on
IRREGULAR = {"airplanes": "airplane", "Leopards": "leopard", "cougar_body": "cougar"}

Labelled = tuple[Image.Image, int]


def open_pictures(data: Path, folders: Sequence[str]) -> Iterator[tuple[str, Image.Image]]:
    """Yield every picture of the folders, one folder after the other, with its folder's name."""
    with zipfile.ZipFile(data / "caltech101_subset" / "images.zip") as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".jpg"))
        for folder in folders:
            for name in names:
                if name.split("/")[-2] == folder:
                    yield folder, Image.open(archive.open(name)).convert("RGB")


def read_pictures(data: Path, split: str) -> list[Labelled]:
    """Return pictures and classes: of every four of a class the last is in the test split, the others in train."""
    found = []
    for label, folder in enumerate(FOLDERS):
        mine = enumerate(picture for _, picture in open_pictures(data, [folder]))
        found += [(picture, label) for at, picture in mine if (at % 4 == 3) == (split == "test")]
    return found


def augment(picture: Image.Image, draw: random.Random) -> Image.Image:
    """Return a random crop of at least half the sides, now and then mirrored, in changed light and colour."""
    width, height = (round(side * draw.uniform(0.5, 1.0)) for side in picture.size)
    left, top = draw.randint(0, picture.width - width), draw.randint(0, picture.height - height)
    cut = picture.crop((left, top, left + width, top + height))
    cut = ImageOps.mirror(cut) if draw.random() < 0.5 else cut
    for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        cut = enhance(cut).enhance(draw.uniform(0.7, 1.3))
    return cut


class AugmentedPictures(Sequence[Example]):
    """Examples of one picture and its class each; with `draw`, of a new variant whenever one is read."""

    def __init__(self, processor: BitImageProcessorPil, rows: Sequence[Labelled], draw: random.Random | None) -> None:
        self.processor, self.rows, self.draw = processor, rows, draw

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, at: int) -> Example:  # type: ignore[override]
        picture, label = self.rows[at]
        if self.draw and self.draw.random() >= AS_IT_IS:
            picture = augment(picture, self.draw)
        return {"pixel_values": self.processor(picture, return_tensors="pt")["pixel_values"][0], "labels": label}


def make_examples(data: Path, processor: BitImageProcessorPil) -> AugmentedPictures:
    """Return random variants of every training picture."""
    return AugmentedPictures(processor, read_pictures(data, "train"), random.Random(0))


def fit_head(model: nn.Module, examples: Sequence[Example]) -> None:
    """Fit the head on the untrained transformer's features, so that a random head does not spoil them."""
    vit = model.get_base_model()
    heads = [module for name, module in model.named_modules() if name.endswith("classifier.modules_to_save.default")]
    plain = [examples[i] for i in range(len(examples))]
    with torch.inference_mode():
        states = torch.cat(
            [vit.dinov2(**select_inputs(collate(plain[i : i + 16])))[0] for i in range(0, len(plain), 16)]
        )
    seen = torch.cat([states[:, 0], states[:, 1:].mean(1)], -1).clone()  # (pictures, 2D)
    labels = torch.tensor([example["labels"] for example in plain])
    (head,) = heads
    optimizer = torch.optim.LBFGS(head.parameters(), max_iter=200, line_search_fn="strong_wolfe")

    def step() -> Tensor:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(head(seen), labels) + DECAY * head.weight.square().sum() / 2
        loss.backward()
        return loss

    optimizer.step(step)


def measure_objects(model: PreTrainedModel, processor: BitImageProcessorPil, data: Path, split: str) -> Scores:
    """Return accuracy on the test pictures; there are too few pictures for a dev split, so nothing was tuned."""
    if split == "dev":
        return {}
    rows = read_pictures(data, "test")
    ranked = torch.stack(compute_outputs(model, AugmentedPictures(processor, rows, None))).argsort(-1, descending=True)
    right = ranked == torch.tensor([label for _, label in rows])[:, None]  # (pictures, ranks)
    return {
        "accuracy": right[:, 0].float().mean().item(),
        "among the first five": right[:, :5].any(-1).float().mean().item(),
    }


JOBS = {
    "objects": Job(
        key="objects",
        architecture="Dinov2ForImageClassification",
        head=("classifier",),
        labels=tuple(IRREGULAR.get(folder, folder.replace("_", " ")) for folder in FOLDERS),
        examples=make_examples,
        scores=measure_objects,
        problem_type="single_label_classification",
        prepare=fit_head,
        recipe=Recipe(epochs=5, rate=4e-4, head_rate=4e-4, size=32, dropout=0.0, memory=0.97),
        base=VIT,
    ),
}

if __name__ == "__main__":
    train_from_command_line(JOBS)
