"""Each bundled model is loaded and compared with its card.

The large language model is left out: it takes long to load, and has tests of its own.
"""

import pytest
import torch

from explainers import TASKS, Request, predict
from explainers.inputs.images import FOLDER
from explainers.loading import load
from explainers.models import resolve
from explainers.models.card import Card
from explainers.models.catalogue import BUNDLED
from explainers.models.loading import read_labels
from tests.support.tiny import tiny

LARGE = 500  # MB
ANSWERS = {
    "sentiment": ({"text": "I love you, I like you"}, "POSITIVE"),
    "emotions": ({"text": "Thank you, that was very kind."}, "gratitude"),
    "nli": ({"text_a": "The children are playing football.", "text_b": "Nobody is playing."}, "contradiction"),
    "similarity": ({"text_a": "A child is riding a horse.", "text_b": "A kid is riding a horse."}, "SIMILARITY"),
    "relevance": ({"text_a": "Who designed the bridge?", "text_b": "It was designed by Clara Weiss."}, "RELEVANT"),
    "entities": ({"text": "Clara Weiss laughed."}, "PER"),
    "efficientnet-lite0": ({"image": FOLDER / "broccoli.jpg"}, "broccoli"),
    "tr-en": ({"source": "O bir doktor."}, "He is a doctor."),
    "fill-mask": ({"text": "She lives in New [MASK]."}, "york"),
    "questions": (dict(TASKS["question_answering"].examples[0].inputs), "Clara Weiss"),
    "objects": ({"image": FOLDER / "pizza.jpg"}, "pizza"),
}
small = pytest.mark.parametrize("card", [card for card in BUNDLED if card.megabytes < LARGE], ids=lambda card: card.key)


@small
def test_a_card_describes_its_loaded_model(card, anew):
    bundle = load(card)
    tensors = {id(tensor): tensor for tensor in (*bundle.model.parameters(), *bundle.model.buffers())}.values()
    assert {tensor.dtype for tensor in bundle.model.parameters()} == {torch.float32}
    assert sum(tensor.numel() * tensor.element_size() for tensor in tensors) / 1e6 == pytest.approx(
        card.megabytes, rel=0.03
    )
    assert bundle.card.provides == card.provides  # no more than it was found to give
    if card.labels:
        assert read_labels(bundle.model) == card.labels
    inputs, answer = ANSWERS[card.key]
    said = predict(Request(card.tasks[0], card.key, inputs))
    assert (said.text or said.targets[0].label) == answer


def test_a_bundled_model_without_a_wheel_is_loaded_as_float32(tmp_path, monkeypatch, anew):
    model, tokenizer = tiny("marian", task="translation")
    halves = {name: tensor.half() for name, tensor in model.state_dict().items()}
    model.save_pretrained(tmp_path / "whole", state_dict=dict(halves))  # which it empties
    tokenizer.save_pretrained(tmp_path / "whole")
    monkeypatch.setattr(resolve, "ADAPTERS", tmp_path)
    bundle = load(Card("whole", "bundled", ("translation",), "Whole", megabytes=1))
    loaded = bundle.model.state_dict()
    assert loaded.keys() == halves.keys()
    kept = {name: tensor.float() for name, tensor in halves.items() if "embed_positions" not in name}  # those are waves
    assert all(torch.equal(loaded[name], tensor) for name, tensor in (model.state_dict() | kept).items())
    text = "the cast is wonderful"
    assert bundle.tokenizer(text)["input_ids"] == tokenizer(text)["input_ids"]
