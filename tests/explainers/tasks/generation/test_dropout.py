"""Dropout for one pass: torch's own for the same seed, independent of random numbers in other threads."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention

from explainers import explain
from explainers.tasks.generation.dropout import enable_dropout
from tests.support.generation_models import bundle_of, request_of


class Random(nn.Module):
    """Random operations of models in training: dropout, attention dropout, layer skipping; `pause` between them."""

    def __init__(self, pause=lambda: None):
        super().__init__()
        self.dropout, self.pause = nn.Dropout(0.4), pause

    def forward(self, x):
        dropped = self.dropout(x)
        self.pause()
        attended = scaled_dot_product_attention(x, x, x, dropout_p=0.3 if self.training else 0.0)
        self.pause()
        return dropped + attended + torch.rand([])


X = torch.linspace(-1, 1, 2 * 5 * 8).reshape(1, 2, 5, 8)


def run_with_dropout(seed, pause=lambda: None):
    model = Random(pause).eval()
    with enable_dropout(seed, model):
        return model(X)


def test_dropout_equals_that_of_torch_for_the_same_seed():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        expected = Random()(X)
    assert torch.equal(run_with_dropout(7), expected)
    assert not torch.equal(run_with_dropout(8), expected)


def test_two_passes_at_once_equal_each_alone():
    alone, meet = [run_with_dropout(seed) for seed in (1, 2)], threading.Barrier(2, timeout=20)
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(lambda seed: run_with_dropout(seed, meet.wait), (1, 2)))
    assert all(torch.equal(*pair) for pair in zip(alone, together, strict=True))


def test_two_explanations_at_once_equal_each_alone():
    params = {"unit": "dropout_spread", "dropout_samples": 4}
    requests = [request_of("gpt2", "and rude", params=params, seed=seed) for seed in (1, 2)]
    bundles = [bundle_of("gpt2") for _ in requests]
    alone = [explain(request, bundle=bundle) for request, bundle in zip(requests, bundles, strict=True)]
    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(explain, one, bundle=bundle) for one, bundle in zip(requests, bundles, strict=True)]
        together = [future.result() for future in futures]
    for one, other in zip(alone, together, strict=True):
        assert np.array_equal(one.scores, other.scores, equal_nan=True)
    assert not np.array_equal(alone[0].scores, alone[1].scores, equal_nan=True)
