"""An evicted model leaves next to nothing in the memory of the process."""

import gc

import psutil
import torch

from explainers.models.cache import ModelCache, trim_memory

MEGABYTES = 400


def resident():
    return psutil.Process().memory_info().rss / 1e6


class Model:
    """Tensors of a megabyte each, in a cycle as those of real models are, with small ones of others in between."""

    def __init__(self, others):
        self.tensors, self.me = [], self
        for _ in range(MEGABYTES):
            self.tensors.append(torch.ones(250_000))
            others.append(torch.ones(10_000))  # the heap cannot shrink by itself, only give back its holes


def test_the_memory_of_an_evicted_model_is_returned_to_the_system():
    large = torch.ones(7_500_000)  # from now on glibc keeps blocks of up to this size in its heap
    del large
    registry, others = ModelCache(MEGABYTES * 1_000_000), []
    gc.collect()
    trim_memory()  # what earlier tests freed: the model would fill it, and the process would hardly grow
    before = resident()
    with registry.lease("first", lambda: MEGABYTES * 1_000_000, lambda: Model(others)):
        assert resident() - before > MEGABYTES
    with registry.lease("second", lambda: 1, lambda: object()):
        pass
    assert registry.peek("first") is None
    assert resident() - before < 0.2 * MEGABYTES
