"""The registry of loaded models: never over its bound, shared, and consistent whatever is raised where.

The models here are plain objects of a said size; each lease is a thread, and events say who goes when.
"""

import gc
import sys
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from explainers import Bundle
from explainers import progress as progresses
from explainers.errors import LimitReached
from explainers.models.cache import ModelCache
from explainers.models.card import Card
from explainers.progress import hold_lock

PATIENCE = 20  # seconds after which a test fails that would else wait for ever


class Left(BaseException):
    """The visitor has left, as Streamlit says it."""


def patience():
    end = time.monotonic() + PATIENCE

    def progress(what, share):
        assert time.monotonic() < end, what

    return progress


class Model:
    """A model of a size, in a cycle as real ones are."""

    def __init__(self, size):
        self.size, self.me = size, self


class Shelf:
    """A registry whose models are counted as they live: `alive` in bytes by weak references, `peak` their most."""

    def __init__(self, most):
        self.registry, self.most = ModelCache(most), most
        self.born, self.peak, self.guard = [], 0, threading.Lock()
        self.built = []

    @property
    def alive(self):
        return sum(size for reference, size in self.born if reference() is not None)

    def build(self, key, size):
        with self.guard:
            assert self.registry.bytes <= self.most
            model = Model(size)
            self.born.append((weakref.ref(model), size))
            self.built.append(key)
            self.peak = max(self.peak, self.alive)
        return Bundle(Card(key, "folder", (), key), model, None)

    def lease(self, key, size, progress=None, build=None):
        progress = progress or patience()
        return self.registry.lease(key, lambda: size, build or (lambda: self.build(key, size)), progress)

    def use(self, key, size):
        with self.lease(key, size) as bundle:
            used = bundle.card.key
            del bundle  # a name that outlives the lease would keep the model, and be no fault of the registry
        return used


@pytest.fixture(autouse=True, scope="module")
def quick():
    """Waiting threads look often, and the collector looks at new objects only."""
    gc.freeze()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(progresses, "SLICE", 0.005)
        yield
    gc.unfreeze()


@pytest.fixture
def shelf():
    return Shelf(100)


def test_a_model_is_built_once_and_shared(shelf):
    with shelf.lease("a", 40) as one, shelf.lease("a", 40) as other:
        assert one is other
    with shelf.lease("a", 40) as again:
        assert again is one
    assert shelf.built == ["a"]
    assert shelf.registry.bytes == 40


def test_the_least_recently_used_leaves_first_and_no_more_than_need_be(shelf):
    for key, size in (("a", 30), ("b", 30), ("c", 30), ("a", 30), ("d", 30)):
        shelf.use(key, size)
    assert [key for key in "abcd" if shelf.registry.peek(key)] == ["a", "c", "d"]
    shelf.use("e", 70)
    assert [key for key in "abcde" if shelf.registry.peek(key)] == ["d", "e"]
    assert shelf.registry.bytes == 100


def test_a_model_that_leaves_is_gone_from_memory_before_the_next_is_built(shelf):
    for turn in range(6):
        shelf.use(f"model {turn}", 60)
    assert shelf.peak == 60
    assert shelf.alive == 60


def test_a_model_in_use_never_leaves_and_the_next_waits_for_it(shelf):
    told, waiting = [], threading.Event()

    def progress(what, share):
        told.append(what)
        waiting.set()

    def next_one():
        with shelf.lease("b", 60, progress) as bundle:
            return bundle.card.key

    with ThreadPoolExecutor(1) as pool:
        with shelf.lease("a", 60):
            later = pool.submit(next_one)
            assert waiting.wait(PATIENCE)
            assert shelf.registry.peek("a")
            assert shelf.built == ["a"]
        assert later.result(PATIENCE) == "b"
    assert set(told) == {"Waiting until another model can leave the memory"}
    assert shelf.registry.peek("a") is None
    assert shelf.peak == 60


def test_idle_models_stay_when_their_leaving_would_be_no_use(shelf):
    def leave(what, share):
        raise Left

    shelf.use("idle", 30)
    with shelf.lease("used", 60):
        with pytest.raises(Left), shelf.lease("large", 90, leave):
            pass
        assert shelf.registry.peek("idle")


def test_many_threads_never_make_it_hold_more_than_its_bound(shelf):
    sizes = {f"model {i}": size for i, size in enumerate((20, 30, 40, 50, 60, 100))}
    keys = [f"model {(7 * i + i // 3) % 6}" for i in range(240)]
    old = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(8) as pool:
            used = list(pool.map(lambda key: shelf.use(key, sizes[key]), keys))
    finally:
        sys.setswitchinterval(old)
    assert used == keys
    assert 60 < shelf.peak <= 100
    assert shelf.registry.bytes == shelf.alive <= 100
    assert len(shelf.built) > 12  # they did have to leave for each other


def test_the_same_model_asked_for_by_many_at_once_is_built_once(shelf):
    started, go_on = threading.Event(), threading.Event()
    told = []

    def build():
        started.set()
        assert go_on.wait(PATIENCE)
        return shelf.build("a", 40)

    def use(progress):
        with shelf.lease("a", 40, progress, build) as bundle:
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
    assert shelf.built == ["a"]
    assert set(told) == {"Another user is loading this model"}


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_build_that_raises_holds_no_place_and_the_next_caller_tries_again(shelf, error):
    def broken():
        raise error

    with pytest.raises(error), shelf.lease("a", 90, build=broken):
        pass
    assert shelf.registry.bytes == 0
    assert shelf.use("b", 90) == "b"
    assert shelf.use("a", 90) == "a"


def test_whoever_waits_for_a_build_that_fails_builds_it_themselves(shelf):
    started, waiting = threading.Event(), threading.Event()

    def broken():
        started.set()
        assert waiting.wait(PATIENCE)
        raise ValueError

    def first():
        with shelf.lease("a", 90, build=broken):
            pass

    def second():
        with shelf.lease("a", 90, lambda what, share: waiting.set()) as bundle:
            return bundle.card.key

    with ThreadPoolExecutor(2) as pool:
        failing = pool.submit(first)
        assert started.wait(PATIENCE)
        waiter = pool.submit(second)
        assert waiter.result(PATIENCE) == "a"
        with pytest.raises(ValueError):  # noqa: PT011 (ours, and bare)
            failing.result(PATIENCE)
    assert shelf.registry.bytes == 90
    assert shelf.built == ["a"]


@pytest.mark.parametrize("where", ["waiting for room", "waiting for a build", "using it"])
def test_whoever_leaves_leaves_nothing_behind(shelf, where):
    started, go_on = threading.Event(), threading.Event()

    def slow():
        started.set()
        assert go_on.wait(PATIENCE)
        return shelf.build("a", 60)

    def first():
        with shelf.lease("a", 60, build=slow):
            pass

    def leave(what, share):
        raise Left

    def leaving(key):
        with shelf.lease(key, 60, leave):
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
    assert shelf.registry.bytes == 60
    assert shelf.built == ["a"]
    assert shelf.use("b", 60) == "b"  # for which the first had to leave: nobody is held to use it
    assert shelf.registry.peek("a") is None


def test_a_model_over_the_bound_is_refused_at_once_and_nothing_leaves_for_it(shelf):
    shelf.use("a", 60)
    with pytest.raises(LimitReached, match=r"needs .* MB of memory, and this server allows .* MB for models\."):
        shelf.use("large", 101)
    assert shelf.registry.peek("a")
    assert shelf.use("whole", 100) == "whole"


def test_a_model_is_weighed_only_when_it_is_to_be_built_and_may_weigh_nothing(shelf):
    weighed = []
    for key, size in (("a", 60), ("a", 60), ("b", 60), ("a", 60), ("nothing", 0)):
        with shelf.registry.lease(key, lambda: weighed.append(key) or size, partial(shelf.build, key, size)):  # noqa: B023
            pass
    assert weighed == ["a", "b", "a", "nothing"]


def test_a_lock_is_waited_for_with_a_word_and_can_be_left():
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
