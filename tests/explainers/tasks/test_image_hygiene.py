"""An image model is as it was after every method, also when a run is broken off."""

import threading

import numpy as np
import pytest
import torch
from torch import nn

from explainers import explain
from explainers.models.probes.vision import watch
from explainers.results.explanation import Explanation
from explainers.tasks.image_preprocessing import preprocess
from tests.support.image_models import PHOTO, Enough, asked, bundle, same, state


@pytest.mark.parametrize("kind", ["resnet", "vit"])
def test_hooks_are_removed_when_the_model_itself_breaks(kind):
    held = bundle(kind)
    before = state(held.model)
    seen = preprocess(held.processor, PHOTO, "tiny")

    def breaking(*_: object) -> None:
        raise Enough

    handle = held.model.register_forward_pre_hook(breaking)
    with pytest.raises(Enough):
        watch(held.model, seen.pixels, lambda: held.model(**seen.inputs))
    handle.remove()
    assert same(before, state(held.model))


def test_threads_that_share_a_model_get_what_each_would_get_alone():
    held = bundle("resnet")
    requests = [asked("grad_cam", target=i % 3) for i in range(6)]
    alone = [explain(request, bundle=held) for request in requests]
    found: dict[int, Explanation] = {}
    threads = [
        threading.Thread(target=lambda i=i: found.__setitem__(i, explain(requests[i], bundle=held))) for i in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i, one in enumerate(alone):
        np.testing.assert_array_equal(one.scores, found[i].scores)


def test_the_work_of_a_model_is_counted_from_its_own_layers():
    """A 3 × 3 convolution of 2 to 4 channels on 8 × 8 pixels multiplies 4·2·9·64 times, a layer of 256 to 5 256·5."""
    model = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(256, 5))
    pixels = torch.zeros(1, 2, 8, 8)
    _, inside = watch(model, pixels, lambda: model(pixels))
    assert inside.multiplications == 4 * 2 * 9 * 64 + 256 * 5
    assert inside.last is model[1]
    assert inside.patches == inside.size == (8, 8)
