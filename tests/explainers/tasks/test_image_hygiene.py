"""Explanations leave an image model unchanged, also if a run fails or several run at once."""

import threading

import numpy as np
import pytest
import torch
from torch import nn

from explainers import explain
from explainers.models.probes.vision import watch
from explainers.results.explanation import Explanation
from explainers.tasks.image_preprocessing import preprocess
from tests.support.image_models import PHOTO, Stopped, are_equal, make_bundle, make_request, read_state


@pytest.mark.parametrize("kind", ["resnet", "vit"])
def test_hooks_are_removed_if_the_model_fails(kind):
    held = make_bundle(kind)
    before = read_state(held.model)
    seen = preprocess(held.processor, PHOTO, "tiny")

    def breaking(*_: object) -> None:
        raise Stopped

    handle = held.model.register_forward_pre_hook(breaking)
    with pytest.raises(Stopped):
        watch(held.model, seen.pixels, lambda: held.model(**seen.inputs))
    handle.remove()
    assert are_equal(before, read_state(held.model))


def test_threads_that_share_a_model_get_the_same_scores_as_one_thread():
    held = make_bundle("resnet")
    requests = [make_request("grad_cam", target=i % 3) for i in range(6)]
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


def test_multiplications_are_counted_from_the_layers():
    """A 3 × 3 convolution of 2 to 4 channels on 8 × 8 pixels multiplies 4·2·9·64 times, a layer of 256 to 5 256·5."""
    model = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(256, 5))
    pixels = torch.zeros(1, 2, 8, 8)
    _, inside = watch(model, pixels, lambda: model(pixels))
    assert inside.multiplications == 4 * 2 * 9 * 64 + 256 * 5
    assert inside.last is model[1]
    assert inside.patches == inside.size == (8, 8)
