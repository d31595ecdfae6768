"""The backend: equal questions are computed once, kept within bounds, and nobody is stuck behind one who left.

The engine's explain is replaced by one that counts its calls and waits to be let go.
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
    """The visitor has left, as Streamlit says it."""


def asked(text="a", **params):
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
    """Stands in for explain: notes each question, and waits if the test holds it."""

    def __init__(self):
        self.asked, self.started, self.go = [], threading.Semaphore(0), threading.Semaphore(0)
        self.held, self.errors, self.features = False, [], 2

    def explain(self, request, progress):
        self.asked.append(request)
        self.started.release()
        if self.held:
            assert self.go.acquire(timeout=PATIENCE)
        if self.errors:
            raise self.errors.pop(0)
        progress("passes", 1.0)
        return explanation(request, self.features)

    def has_started(self):
        assert self.started.acquire(timeout=PATIENCE)


@pytest.fixture
def engine(monkeypatch):
    stand_in = Engine()
    monkeypatch.setattr(service, "explain", stand_in.explain)
    monkeypatch.setattr(progresses, "SLICE", 0.01)
    return stand_in


@pytest.fixture
def backend(monkeypatch):
    monkeypatch.setattr(Settings, "cores", 1)
    return Service(Settings(threads=1, waiting=2, result_megabytes=1))


@pytest.fixture
def pool():
    with ThreadPoolExecutor(8) as threads:
        yield threads


class Waiter:
    """A progress that says when it was first called with a word, and raises once its visitor has left."""

    def __init__(self, word):
        self.word, self.heard, self.left = word, threading.Event(), False

    def __call__(self, what, share):
        if self.word in what:
            self.heard.set()
        if self.left:
            raise Left

    def waits(self):
        assert self.heard.wait(PATIENCE)


SAME, LINE = "asked the same", "In line"


def test_a_question_asked_again_needs_no_work(engine, backend):
    assert backend.kept(asked()) is None
    first = backend.explain(asked())
    assert backend.explain(asked()).scores is first.scores
    assert backend.kept(asked()).scores is first.scores
    assert len(engine.asked) == 1


def test_questions_that_differ_only_in_what_is_written_out_are_one(engine, backend):
    first = backend.explain(asked())
    assert backend.explain(asked(baseline="pad", unit="probability")).scores is first.scores
    assert backend.explain(asked(baseline="zeros")).scores is not first.scores
    assert backend.explain(replace(asked(), seed=1)).scores is not first.scores
    assert len(engine.asked) == 3


def test_equal_questions_at_once_are_computed_once(engine, backend, pool):
    engine.held = True
    first = pool.submit(backend.explain, asked())
    engine.has_started()
    waiters = [Waiter(SAME) for _ in range(5)]
    others = [pool.submit(backend.explain, asked(), waiter) for waiter in waiters]
    for waiter in waiters:
        waiter.waits()
    engine.go.release()
    answers = {id(future.result(PATIENCE).scores) for future in (first, *others)}
    assert len(answers) == 1
    assert len(engine.asked) == 1


def test_whoever_waits_gets_the_answer_even_when_it_is_too_large_to_be_kept(engine, backend, pool):
    engine.held, engine.features = True, 3_000
    first = pool.submit(backend.explain, asked())
    engine.has_started()
    waiter = Waiter(SAME)
    other = pool.submit(backend.explain, asked(), waiter)
    waiter.waits()
    engine.go.release()
    assert other.result(PATIENCE).scores is first.result(PATIENCE).scores
    assert backend.kept(asked()) is None
    assert len(engine.asked) == 1


@pytest.mark.parametrize("error", [Left, Incompatible])
def test_when_the_one_who_computes_breaks_off_the_next_who_waits_computes(engine, backend, pool, error):
    engine.held, engine.errors = True, [error("no")]
    first = pool.submit(backend.explain, asked())
    engine.has_started()
    waiters = [Waiter(SAME) for _ in range(3)]
    others = [pool.submit(backend.explain, asked(), waiter) for waiter in waiters]
    for waiter in waiters:
        waiter.waits()
    engine.go.release()
    with pytest.raises(error):
        first.result(PATIENCE)
    engine.has_started()
    engine.go.release()
    assert len({id(future.result(PATIENCE).scores) for future in others}) == 1
    assert len(engine.asked) == 2


def test_whoever_stops_waiting_for_the_same_answer_disturbs_nobody(engine, backend, pool):
    engine.held = True
    first = pool.submit(backend.explain, asked())
    engine.has_started()
    waiter = Waiter(SAME)
    other = pool.submit(backend.explain, asked(), waiter)
    waiter.waits()
    waiter.left = True
    with pytest.raises(Left):
        other.result(PATIENCE)
    engine.go.release()
    assert first.result(PATIENCE).scores is backend.kept(asked()).scores


def test_errors_are_not_kept(engine, backend):
    engine.errors = [Incompatible("no"), Left()]
    for error in (Incompatible, Left):
        with pytest.raises(error):
            backend.explain(asked())
    assert backend.explain(asked()).scores is backend.kept(asked()).scores
    assert len(engine.asked) == 3


def test_different_questions_stand_in_one_line_and_one_too_many_is_sent_home(engine, backend, pool):
    engine.held = True
    futures = [pool.submit(backend.explain, asked("first"))]
    engine.has_started()
    for text in ("second", "third"):
        waiter = Waiter(LINE)
        futures.append(pool.submit(backend.explain, asked(text), waiter))
        waiter.waits()
    with pytest.raises(Busy, match="2 people are waiting already"):
        backend.explain(asked("fourth"))
    for _ in futures:
        engine.go.release()
    assert [future.result(PATIENCE).request.texts["text"] for future in futures] == ["first", "second", "third"]
    assert [request.texts["text"] for request in engine.asked] == ["first", "second", "third"]


def test_whoever_leaves_the_line_frees_the_place_and_is_not_computed(engine, backend, pool):
    engine.held = True
    first = pool.submit(backend.explain, asked("first"))
    engine.has_started()
    waiters = [Waiter(LINE), Waiter(LINE)]
    futures = []
    for text, waiter in zip(("second", "third"), waiters, strict=True):
        futures.append(pool.submit(backend.explain, asked(text), waiter))
        waiter.waits()
    waiters[0].left = True
    with pytest.raises(Left):
        futures[0].result(PATIENCE)
    engine.held = False
    fourth = pool.submit(backend.explain, asked("fourth"))
    engine.go.release()
    for future in (first, futures[1], fourth):
        future.result(PATIENCE)
    assert [request.texts["text"] for request in engine.asked] == ["first", "third", "fourth"]


def test_results_are_bounded_by_bytes_and_the_least_recently_asked_for_leaves_first():
    one = explanation(asked("0"))
    results = ResultCache(3 * estimate_bytes(one))
    for text in "012":
        results.keep(asked(text), explanation(asked(text)))
    assert results.get(asked("0")) == one
    results.keep(asked("3"), explanation(asked("3")))
    assert [text for text in "0123" if results.get(asked(text))] == ["0", "2", "3"]
    results.keep(asked("4"), explanation(asked("4"), features=3))
    assert [text for text in "01234" if results.get(asked(text))] == ["3", "4"]


def test_a_result_larger_than_the_bound_is_not_kept_and_nothing_leaves_for_it():
    one = explanation(asked("0"))
    results = ResultCache(estimate_bytes(one))
    results.keep(asked("0"), one)
    results.keep(asked("1"), explanation(asked("1"), features=3))
    assert results.get(asked("0")) is one
    assert results.get(asked("1")) is None


def test_a_result_that_is_kept_twice_counts_once():
    results = ResultCache(2 * estimate_bytes(explanation(asked("0"))))
    for text in "0001":
        results.keep(asked(text), explanation(asked(text)))
    assert results.get(asked("0"))
    assert results.get(asked("1"))


def test_a_longer_text_and_more_features_weigh_more():
    one = estimate_bytes(explanation(asked("a")))
    assert estimate_bytes(explanation(asked("a" * 1000))) >= one + 1000
    assert estimate_bytes(explanation(asked("a"), features=102)) >= one + 100 * 100


def test_everybody_gets_the_answer_to_the_question_as_they_asked_it(backend, engine):
    short, long = asked(), asked(baseline="pad")
    assert backend.explain(short).request == short
    assert backend.explain(long).request == long
    assert backend.kept(short).request == short
    assert len(engine.asked) == 1


def test_a_check_is_made_once_kept_for_its_target_and_given_to_everybody_as_they_asked(backend, engine, monkeypatch):
    made = []

    def evaluate(explanation, row, progress):
        made.append((explanation.request, row))
        return make_faithfulness(row=row, request=explanation.request)

    monkeypatch.setattr(service, "evaluate", evaluate)
    short, long = explanation(asked()), explanation(asked(baseline="pad"))
    assert backend.checked(short, 0) is None
    assert backend.evaluate(short, 0).request == short.request
    assert backend.evaluate(long, 0).request == backend.checked(long, 0).request == long.request
    assert backend.checked(short, 1) is None
    assert backend.evaluate(short, 1).row == 1
    assert made == [(short.request, 0), (short.request, 1)]
