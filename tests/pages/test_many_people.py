"""Many visitors at once: each gets the same scores as one alone, and work stops when a visitor leaves."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from explainers import Request, explain
from explainers.request import pack
from explainers.settings import settings
from explainers.visualization.text.format import format_number
from tests.support.browser import Server, start_server
from tests.support.sentences import SENTENCES

IDLE = 0.15  # processor seconds per second: Streamlit's loops take less, a running explanation takes 1
COLD = 240_000  # milliseconds: a fresh server imports torch and loads the model, and twenty people share two cores
pytestmark = pytest.mark.alone
SLOW = "tolerance=0.0001&most_passes=5000&unit=logit"
VERY_SLOW = "method=smooth_grad&samples=500"  # a minute of work


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with start_server(tmp_path_factory.mktemp("crowded")) as running:
        yield running


def make_address(server: Server, text: str, more: str = "") -> str:
    link = pack(Request("text_classification", "sentiment", {"text": text}).to_query())["z"]
    return f"{server.url}/text_classification?z={link}&{more}"


def read_scores(page: Page) -> list[str]:
    page.locator(".wf-map").wait_for(timeout=COLD)
    return page.locator(".wf-t").evaluate_all("spans => spans.map(span => span.dataset.n)")


def test_twenty_browsers_at_once_get_the_scores_of_a_serial_run(browser: Browser, crowded: Server):
    contexts = [browser.new_context() for _ in SENTENCES]
    pages = [context.new_page() for context in contexts]
    for page, text in zip(pages, SENTENCES, strict=True):
        page.goto(make_address(crowded, text), wait_until="commit")
    shown = [read_scores(page) for page in pages]
    for context in contexts:
        context.close()
    for text, numbers in zip(SENTENCES, shown, strict=True):
        alone = explain(Request("text_classification", "sentiment", {"text": text})).by_word()
        right = [score for feature, score in zip(alone.features, alone.scores[0], strict=True) if not feature.special]
        assert numbers == [format_number(float(score)) for score in right]


def test_two_seconds_after_a_browser_closes_nothing_is_running(browser: Browser, crowded: Server):
    context = browser.new_context()
    page = context.new_page()
    page.goto(make_address(crowded, " ".join(SENTENCES), SLOW))
    expect(page.get_by_role("button", name="Cancel")).to_be_visible(timeout=COLD)
    expect(page.get_by_text("passes through the model").first).to_be_visible(timeout=COLD)
    for i in range(6):
        box = page.get_by_role("textbox", name="Text", exact=True)
        box.fill(" ".join(SENTENCES[i:]))
        box.press("Control+Enter")
    assert crowded.measure_load(2) > 4 * IDLE  # else the next line proves nothing
    context.close()
    crowded.measure_load(2)
    assert crowded.measure_load(1) < IDLE


def test_a_waiting_visitor_sees_their_place_and_is_served_when_the_other_leaves(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
):
    one_at_a_time = {"WHEREFORE_THREADS": str(settings().cores), "WHEREFORE_WAITING": "1"}
    with start_server(tmp_path_factory.mktemp("narrow"), **one_at_a_time) as narrow:
        contexts = [browser.new_context() for _ in range(3)]
        first, second, third = (context.new_page() for context in contexts)
        first.goto(make_address(narrow, " ".join(SENTENCES), VERY_SLOW))
        expect(first.get_by_text("passes through the model").first).to_be_visible(timeout=COLD)
        second.goto(make_address(narrow, SENTENCES[0]))
        expect(second.get_by_text("1 before you")).to_be_visible()
        third.goto(make_address(narrow, SENTENCES[1]))
        expect(third.get_by_role("alert").filter(has_text="waiting")).to_be_visible()
        contexts[0].close()
        assert read_scores(second)
        for context in contexts[1:]:
            context.close()


def test_a_public_server_refuses_other_models_and_long_texts(browser: Browser, tmp_path):
    with start_server(tmp_path, WHEREFORE_PROFILE="public", WHEREFORE_TEXT_CHARACTERS="200") as public:
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"{public.url}/text_classification?model=/etc")
        expect(page.get_by_role("alert").filter(has_text="offers only the models")).to_be_visible()
        page.goto(make_address(public, SENTENCES[0]))
        assert read_scores(page)
        page.goto(make_address(public, "long " * 50))
        expect(page.get_by_role("alert").filter(has_text="at most 200 are allowed")).to_be_visible()
        context.close()
