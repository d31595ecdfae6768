"""The backend: equal questions are computed once, kept within bounds, and nobody is stuck behind one who left.

`explain` is replaced by a fake that records its calls and can be paused.
"""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from explainers import Explanation, Feature, Prediction, Request, Target
from explainers import progress as progresses
from explainers.errors import Busy, Incompatible
from explainers.serving import service
from explainers.serving.service import ResultCache, Service, estimate_bytes
from explainers.settings import Settings
from tests.support.faithfulness import make_faithfulness

PATIENCE = 20  # seconds after which a test fails that would else wait for ever


class Left(BaseException):
    """Raised when the user leaves, as Streamlit does."""


def make_request(text="a", **params):
    return Request("text_classification", "tiny", {"text": text}, params=params)


def explanation(request, features=2):
    return Explanation(
        request=request,
        features=tuple(Feature(f"f{i}", "text", i, i + 1, i) for i in range(features)),
        targets=(Target("yes", 0),),
        scores=np.zeros((1, features), dtype=np.float32),
        values=np.zeros(1, dtype=np.float32),
        baselines=None,
        unit="probability",
        signed=True,
        additive=False,
        prediction=Prediction((Target("yes", 0),)),
    )


class Engine:
    """A fake of `explain` that records its requests, and waits while it is paused."""

    def __init__(self):
        self.requests, self.started, self.go = [], threading.Semaphore(0), threading.Semaphore(0)
        self.paused, self.errors, self.features = False, [], 2

    def explain(self, request, progress):
        self.requests.append(request)
        self.started.release()
        if self.paused:
            assert self.go.acquire(timeout=PATIENCE)
        if self.errors:
            raise self.errors.pop(0)
        progress("passes", 1.0)
        return explanation(request, self.features)

    def wait_for_start(self):
        assert self.started.acquire(timeout=PATIENCE)


@pytest.fixture
def engine(monkeypatch):
    fake = Engine()
    monkeypatch.setattr(service, "explain", fake.explain)
    monkeypatch.setattr(progresses, "SLICE", 0.01)
    return fake


@pytest.fixture
def backend(monkeypatch):
    monkeypatch.setattr(Settings, "cores", 1)
    return Service(Settings(threads=1, waiting=2, result_megabytes=1))


@pytest.fixture
def pool():
    with ThreadPoolExecutor(8) as threads:
        yield threads


class Waiter:
    """A progress callback that sets an event when it is called with `word`, and raises after `left` is set."""

    def __init__(self, word):
        self.word, self.reported, self.left = word, threading.Event(), False

    def __call__(self, what, share):
        if self.word in what:
            self.reported.set()
        if self.left:
            raise Left

    def wait_for_report(self):
        assert self.reported.wait(PATIENCE)


SAME, LINE = "the same request", "In the queue"


def test_a_repeated_request_is_answered_from_the_cache(engine, backend):
    assert backend.find_explanation(make_request()) is None
    first = backend.explain(make_request())
    assert backend.explain(make_request()).scores is first.scores
    assert backend.find_explanation(make_request()).scores is first.scores
    assert len(engine.requests) == 1


def test_requests_that_differ_only_in_explicit_defaults_share_a_result(engine, backend):
    first = backend.explain(make_request())
    assert backend.explain(make_request(baseline="pad", unit="probability")).scores is first.scores
    assert backend.explain(make_request(baseline="zeros")).scores is not first.scores
    assert backend.explain(replace(make_request(), seed=1)).scores is not first.scores
    assert len(engine.requests) == 3


def test_equal_concurrent_requests_are_computed_once(engine, backend, pool):
    engine.paused = True
    first = pool.submit(backend.explain, make_request())
    engine.wait_for_start()
    waiters = [Waiter(SAME) for _ in range(5)]
    others = [pool.submit(backend.explain, make_request(), waiter) for waiter in waiters]
    for waiter in waiters:
        waiter.wait_for_report()
    engine.go.release()
    answers = {id(future.result(PATIENCE).scores) for future in (first, *others)}
    assert len(answers) == 1
    assert len(engine.requests) == 1


def test_a_waiting_user_gets_a_result_that_is_too_large_to_cache(engine, backend, pool):
    engine.paused, engine.features = True, 3_000
    first = pool.submit(backend.explain, make_request())
    engine.wait_for_start()
    waiter = Waiter(SAME)
    other = pool.submit(backend.explain, make_request(), waiter)
    waiter.wait_for_report()
    engine.go.release()
    assert other.result(PATIENCE).scores is first.result(PATIENCE).scores
    assert backend.find_explanation(make_request()) is None
    assert len(engine.requests) == 1


@pytest.mark.parametrize("error", [Left, Incompatible])
def test_if_the_computing_user_leaves_the_next_waiting_one_computes(engine, backend, pool, error):
    engine.paused, engine.errors = True, [error("no")]
    first = pool.submit(backend.explain, make_request())
    engine.wait_for_start()
    waiters = [Waiter(SAME) for _ in range(3)]
    others = [pool.submit(backend.explain, make_request(), waiter) for waiter in waiters]
    for waiter in waiters:
        waiter.wait_for_report()
    engine.go.release()
    with pytest.raises(error):
        first.result(PATIENCE)
    engine.wait_for_start()
    engine.go.release()
    assert len({id(future.result(PATIENCE).scores) for future in others}) == 1
    assert len(engine.requests) == 2


def test_a_user_who_stops_waiting_does_not_disturb_the_others(engine, backend, pool):
    engine.paused = True
    first = pool.submit(backend.explain, make_request())
    engine.wait_for_start()
    waiter = Waiter(SAME)
    other = pool.submit(backend.explain, make_request(), waiter)
    waiter.wait_for_report()
    waiter.left = True
    with pytest.raises(Left):
        other.result(PATIENCE)
    engine.go.release()
    assert first.result(PATIENCE).scores is backend.find_explanation(make_request()).scores


def test_errors_are_not_cached(engine, backend):
    engine.errors = [Incompatible("no"), Left()]
    for error in (Incompatible, Left):
        with pytest.raises(error):
            backend.explain(make_request())
    assert backend.explain(make_request()).scores is backend.find_explanation(make_request()).scores
    assert len(engine.requests) == 3


def test_different_requests_share_one_queue_which_refuses_when_full(engine, backend, pool):
    engine.paused = True
    futures = [pool.submit(backend.explain, make_request("first"))]
    engine.wait_for_start()
    for text in ("second", "third"):
        waiter = Waiter(LINE)
        futures.append(pool.submit(backend.explain, make_request(text), waiter))
        waiter.wait_for_report()
    with pytest.raises(Busy, match="2 requests are waiting already"):
        backend.explain(make_request("fourth"))
    for _ in futures:
        engine.go.release()
    assert [future.result(PATIENCE).request.texts["text"] for future in futures] == ["first", "second", "third"]
    assert [request.texts["text"] for request in engine.requests] == ["first", "second", "third"]


def test_a_request_that_leaves_the_queue_is_not_computed(engine, backend, pool):
    engine.paused = True
    first = pool.submit(backend.explain, make_request("first"))
    engine.wait_for_start()
    waiters = [Waiter(LINE), Waiter(LINE)]
    futures = []
    for text, waiter in zip(("second", "third"), waiters, strict=True):
        futures.append(pool.submit(backend.explain, make_request(text), waiter))
        waiter.wait_for_report()
    waiters[0].left = True
    with pytest.raises(Left):
        futures[0].result(PATIENCE)
    engine.paused = False
    fourth = pool.submit(backend.explain, make_request("fourth"))
    engine.go.release()
    for future in (first, futures[1], fourth):
        future.result(PATIENCE)
    assert [request.texts["text"] for request in engine.requests] == ["first", "third", "fourth"]


def test_the_result_cache_is_bounded_by_bytes_and_evicts_the_least_recently_used():
    one = explanation(make_request("0"))
    results = ResultCache(3 * estimate_bytes(one))
    for text in "012":
        results.put(make_request(text), explanation(make_request(text)))
    assert results.get(make_request("0")) == one
    results.put(make_request("3"), explanation(make_request("3")))
    assert [text for text in "0123" if results.get(make_request(text))] == ["0", "2", "3"]
    results.put(make_request("4"), explanation(make_request("4"), features=3))
    assert [text for text in "01234" if results.get(make_request(text))] == ["3", "4"]


def test_a_result_larger_than_the_cache_is_not_cached_and_evicts_nothing():
    one = explanation(make_request("0"))
    results = ResultCache(estimate_bytes(one))
    results.put(make_request("0"), one)
    results.put(make_request("1"), explanation(make_request("1"), features=3))
    assert results.get(make_request("0")) is one
    assert results.get(make_request("1")) is None


def test_a_result_that_is_cached_twice_counts_once():
    results = ResultCache(2 * estimate_bytes(explanation(make_request("0"))))
    for text in "0001":
        results.put(make_request(text), explanation(make_request(text)))
    assert results.get(make_request("0"))
    assert results.get(make_request("1"))


def test_a_longer_text_and_more_features_take_more_bytes():
    one = estimate_bytes(explanation(make_request("a")))
    assert estimate_bytes(explanation(make_request("a" * 1000))) >= one + 1000
    assert estimate_bytes(explanation(make_request("a"), features=102)) >= one + 100 * 100


def test_every_user_gets_the_result_with_their_own_request(backend, engine):
    short, long = make_request(), make_request(baseline="pad")
    assert backend.explain(short).request == short
    assert backend.explain(long).request == long
    assert backend.find_explanation(short).request == short
    assert len(engine.requests) == 1


def test_an_evaluation_is_cached_per_target_and_returned_with_the_users_own_request(backend, engine, monkeypatch):
    made = []

    def evaluate(explanation, row, progress):
        made.append((explanation.request, row))
        return make_faithfulness(row=row, request=explanation.request)

    monkeypatch.setattr(service, "evaluate", evaluate)
    short, long = explanation(make_request()), explanation(make_request(baseline="pad"))
    assert backend.find_evaluation(short, 0) is None
    assert backend.evaluate(short, 0).request == short.request
    assert backend.evaluate(long, 0).request == backend.find_evaluation(long, 0).request == long.request
    assert backend.find_evaluation(short, 1) is None
    assert backend.evaluate(short, 1).row == 1
    assert made == [(short.request, 0), (short.request, 1)]
