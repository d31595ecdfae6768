"""The cache of loaded models never exceeds its bound, shares models, and is consistent after any error.

The models here are plain objects of a given size; leases are threads, which events order. Real ones, at the end,
are loaded one at a time.
"""

import gc
import sys
import threading
import time
import weakref
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

import pytest
import torch
from transformers import PreTrainedModel

from explainers import Bundle
from explainers import progress as progresses
from explainers.errors import LimitReached
from explainers.models.cache import ModelCache
from explainers.models.card import Card
from explainers.models.loading import BUILDING, find_loaded, lease, load
from explainers.progress import hold_lock
from tests.support.hub import save_tiny

PATIENCE = 20  # seconds after which a test fails that would else wait for ever


class Left(BaseException):
    """Raised when the user leaves, as Streamlit does."""


def patience():
    end = time.monotonic() + PATIENCE

    def progress(what, share):
        assert time.monotonic() < end, what

    return progress


class Model:
    """A model of a size with a reference cycle, as real ones have."""

    def __init__(self, size):
        self.size, self.me = size, self


class CountingCache:
    """A ModelCache that counts its models by weak references: `alive` bytes now and their `peak`."""

    def __init__(self, most):
        self.cache, self.most = ModelCache(most), most
        self.born, self.peak, self.guard = [], 0, threading.Lock()
        self.built = []

    @property
    def alive(self):
        return sum(size for reference, size in self.born if reference() is not None)

    def build(self, key, size):
        with self.guard:
            assert self.cache.bytes <= self.most
            model = Model(size)
            self.born.append((weakref.ref(model), size))
            self.built.append(key)
            self.peak = max(self.peak, self.alive)
        return Bundle(Card(key, "folder", (), key), model, None)

    def lease(self, key, size, progress=None, build=None):
        progress = progress or patience()
        return self.cache.lease(key, lambda: size, build or (lambda: self.build(key, size)), progress)

    def use(self, key, size):
        with self.lease(key, size) as bundle:
            used = bundle.card.key
            del bundle  # a name that outlives the lease would keep the model
        return used


@pytest.fixture(autouse=True, scope="module")
def quick():
    """Poll often, and let the garbage collector look at new objects only."""
    gc.freeze()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(progresses, "SLICE", 0.005)
        yield
    gc.unfreeze()


@pytest.fixture
def counting():
    return CountingCache(100)


def test_a_model_is_built_once_and_shared(counting):
    with counting.lease("a", 40) as one, counting.lease("a", 40) as other:
        assert one is other
    with counting.lease("a", 40) as again:
        assert again is one
    assert counting.built == ["a"]
    assert counting.cache.bytes == 40


def test_the_least_recently_used_models_are_evicted_and_no_more_than_needed(counting):
    for key, size in (("a", 30), ("b", 30), ("c", 30), ("a", 30), ("d", 30)):
        counting.use(key, size)
    assert [key for key in "abcd" if counting.cache.peek(key)] == ["a", "c", "d"]
    counting.use("e", 70)
    assert [key for key in "abcde" if counting.cache.peek(key)] == ["d", "e"]
    assert counting.cache.bytes == 100


def test_an_evicted_model_is_freed_before_the_next_is_built(counting):
    for turn in range(6):
        counting.use(f"model {turn}", 60)
    assert counting.peak == 60
    assert counting.alive == 60


def test_a_model_in_use_is_never_evicted_and_the_next_waits_for_it(counting):
    told, waiting = [], threading.Event()

    def progress(what, share):
        told.append(what)
        waiting.set()

    def next_one():
        with counting.lease("b", 60, progress) as bundle:
            return bundle.card.key

    with ThreadPoolExecutor(1) as pool:
        with counting.lease("a", 60):
            later = pool.submit(next_one)
            assert waiting.wait(PATIENCE)
            assert counting.cache.peek("a")
            assert counting.built == ["a"]
        assert later.result(PATIENCE) == "b"
    assert set(told) == {"Waiting until another model can leave the memory"}
    assert counting.cache.peek("a") is None
    assert counting.peak == 60


def test_idle_models_are_kept_if_evicting_them_is_not_enough(counting):
    def leave(what, share):
        raise Left

    counting.use("idle", 30)
    with counting.lease("used", 60):
        with pytest.raises(Left), counting.lease("large", 90, leave):
            pass
        assert counting.cache.peek("idle")


def test_many_threads_never_exceed_the_bound(counting):
    sizes = {f"model {i}": size for i, size in enumerate((20, 30, 40, 50, 60, 100))}
    keys = [f"model {(7 * i + i // 3) % 6}" for i in range(240)]
    old = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(8) as pool:
            used = list(pool.map(lambda key: counting.use(key, sizes[key]), keys))
    finally:
        sys.setswitchinterval(old)
    assert used == keys
    assert 60 < counting.peak <= 100
    assert counting.cache.bytes == counting.alive <= 100
    assert len(counting.built) > 12  # they did have to leave for each other


def test_concurrent_requests_for_a_model_build_it_once(counting):
    started, go_on = threading.Event(), threading.Event()
    told = []

    def build():
        started.set()
        assert go_on.wait(PATIENCE)
        return counting.build("a", 40)

    def use(progress):
        with counting.lease("a", 40, progress, build) as bundle:
            return bundle

    def progress(what, share):
        told.append(what)
        if len(told) > 20:
            go_on.set()

    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(use, progresses.quiet)
        assert started.wait(PATIENCE)
        others = [pool.submit(use, progress) for _ in range(7)]
        bundles = {id(future.result(PATIENCE)) for future in (first, *others)}
    assert len(bundles) == 1
    assert counting.built == ["a"]
    assert set(told) == {"Another user is loading this model"}


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failed_build_frees_its_memory_and_the_next_caller_builds(counting, error):
    def broken():
        raise error

    with pytest.raises(error), counting.lease("a", 90, build=broken):
        pass
    assert counting.cache.bytes == 0
    assert counting.use("b", 90) == "b"
    assert counting.use("a", 90) == "a"


def test_a_caller_waiting_for_a_failed_build_builds_the_model(counting):
    started, waiting = threading.Event(), threading.Event()

    def broken():
        started.set()
        assert waiting.wait(PATIENCE)
        raise ValueError

    def first():
        with counting.lease("a", 90, build=broken):
            pass

    def second():
        with counting.lease("a", 90, lambda what, share: waiting.set()) as bundle:
            return bundle.card.key

    with ThreadPoolExecutor(2) as pool:
        failing = pool.submit(first)
        assert started.wait(PATIENCE)
        waiter = pool.submit(second)
        assert waiter.result(PATIENCE) == "a"
        with pytest.raises(ValueError):  # noqa: PT011 (ours, and bare)
            failing.result(PATIENCE)
    assert counting.cache.bytes == 90
    assert counting.built == ["a"]


@pytest.mark.parametrize("where", ["waiting for room", "waiting for a build", "using it"])
def test_a_cancelled_wait_leaves_nothing_behind(counting, where):
    started, go_on = threading.Event(), threading.Event()

    def slow():
        started.set()
        assert go_on.wait(PATIENCE)
        return counting.build("a", 60)

    def first():
        with counting.lease("a", 60, build=slow):
            pass

    def leave(what, share):
        raise Left

    def leaving(key):
        with counting.lease(key, 60, leave):
            raise Left

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(first)
        assert started.wait(PATIENCE)
        if where == "using it":
            go_on.set()
            future.result(PATIENCE)
        with pytest.raises(Left):
            leaving("b" if where == "waiting for room" else "a")
        go_on.set()
        future.result(PATIENCE)
    assert counting.cache.bytes == 60
    assert counting.built == ["a"]
    assert counting.use("b", 60) == "b"  # for which the first had to leave: nobody is held to use it
    assert counting.cache.peek("a") is None


def test_a_model_over_the_bound_is_refused_and_evicts_nothing(counting):
    counting.use("a", 60)
    with pytest.raises(LimitReached, match=r"needs .* MB of memory, and this server allows .* MB for models\."):
        counting.use("large", 101)
    assert counting.cache.peek("a")
    assert counting.use("whole", 100) == "whole"


def test_a_model_is_measured_only_before_it_is_built_and_may_have_0_bytes(counting):
    weighed = []
    for key, size in (("a", 60), ("a", 60), ("b", 60), ("a", 60), ("nothing", 0)):
        with counting.cache.lease(key, lambda: weighed.append(key) or size, partial(counting.build, key, size)):  # noqa: B023
            pass
    assert weighed == ["a", "b", "a", "nothing"]


def test_waiting_for_a_lock_is_reported_and_can_be_cancelled():
    lock, told = threading.Lock(), []

    def leave(what, share):
        told.append(what)
        if len(told) == 3:
            raise Left

    with lock:
        with pytest.raises(Left), hold_lock(lock, leave, "Waiting"):
            pass
        assert lock.locked()
    assert told == ["Waiting"] * 3
    with pytest.raises(Left), hold_lock(lock, leave, "Waiting"):
        raise Left
    assert not lock.locked()


@pytest.fixture
def tied(tmp_path, anew):
    """Two saved models whose output embeddings are their input embeddings."""
    tasks = {"bert": "fill_mask", "gpt2": "text_generation"}
    folders = {task: save_tiny(kind, tmp_path / kind, task=task) for kind, task in tasks.items()}
    return [Card(str(folder), "folder", (task,), task) for task, folder in folders.items()]


def test_two_models_are_never_built_at_once_and_transformers_is_left_as_it_was(tied, monkeypatch):
    def find_patched():
        return {
            "tie_weights": PreTrainedModel.tie_weights,
            "init_weights": PreTrainedModel.init_weights,
            **{name: getattr(torch.nn.init, name) for name in ("normal_", "zeros_", "uniform_")},
        }

    before, guard, building, most = find_patched(), threading.Lock(), set(), []
    real = PreTrainedModel.get_init_context

    def slowed(*arguments, **options):
        return [*real(*arguments, **options), staying()]  # entered once transformers has patched its classes

    @contextmanager
    def staying():
        with guard:
            building.add(threading.get_ident())
            most.append(len(building))
        time.sleep(0.3 * len(most))  # the first in is the first out, which restores in the wrong order
        try:
            yield
        finally:
            with guard:
                building.discard(threading.get_ident())

    monkeypatch.setattr(PreTrainedModel, "get_init_context", slowed)
    told, together = set(), threading.Barrier(2, timeout=PATIENCE)

    def use(card):
        together.wait()
        with lease(card, lambda what, share: told.add(what)) as bundle:
            return bundle.model

    with ThreadPoolExecutor(2) as pool:
        used = [pool.submit(use, card) for card in tied]
    after = find_patched()
    for name, function in before.items():  # also repairs what a failure would leave to other tests
        owner = PreTrainedModel if hasattr(PreTrainedModel, name) else torch.nn.init
        setattr(owner, name, function)
    assert after == before
    assert most == [1, 1]
    models = [future.result() for future in used]
    assert all(model.get_input_embeddings().weight is model.get_output_embeddings().weight for model in models)
    assert told == {"Waiting for another model to load", *(f"Loading {card.label}" for card in tied)}


def test_waiting_for_another_model_to_load_can_be_cancelled(tied):
    told = []

    def leave(what, share):
        told.append(what)
        raise CancelledError

    with BUILDING, pytest.raises(CancelledError), lease(tied[0], leave):
        pass
    assert told == ["Waiting for another model to load"]
    assert find_loaded(tied[0]) is None
    assert load(tied[0]).model is not None
