"""The page of question answering, in a real browser with a tiny model from a folder."""

import re
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from explainers import TASKS, Bundle, Request, predict
from tests.pages.conftest import PATIENCE, collect_problems
from tests.support import page_actions
from tests.support.browser import Server
from tests.support.sentences import SENTENCES
from tests.support.tiny import tiny

QUESTION, CONTEXT = "What has holes?", SENTENCES[11]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save a tiny model that answers questions."""
    path = tmp_path_factory.mktemp("models") / "answers"
    for part in tiny("bert", task="question_answering"):
        part.save_pretrained(path)
    return path


@pytest.fixture
def opened(page: Page, server: Server, folder: Path) -> Page:
    page.goto(f"{server.url}/question_answering?{urlencode({'model': str(folder), 'method': 'input_x_gradient'})}")
    expect(page.get_by_role("button", name="Explain")).to_be_visible()
    return page


def ask(page: Page, question: str, context: str) -> None:
    page.get_by_role("textbox", name="Question", exact=True).fill(question)
    page.get_by_role("textbox", name="Context", exact=True).fill(context)
    page.get_by_role("button", name="Explain", exact=True).click()


def predict_answers(question: str = QUESTION, context: str = CONTEXT) -> list[str]:
    bundle = Bundle.of(*tiny("bert", task="question_answering"))
    request = Request("question_answering", "tiny", {"question": question, "context": context})
    return [target.label for target in predict(request, bundle=bundle).targets]


def wait_for_answer(page: Page, words: str | re.Pattern[str]) -> None:
    expect(page.locator(".wf-said")).to_contain_text(words, timeout=3 * PATIENCE)


def test_an_answer_its_start_and_its_end_are_each_explained_over_both_texts(opened):
    ask(opened, QUESTION, CONTEXT)
    best = predict_answers()[0]
    wait_for_answer(opened, best)
    assert [block.inner_text() for block in opened.locator(".wf-map").all()] == [QUESTION, CONTEXT]
    rendered = set()
    for part in ("answer", "start", "end"):
        opened.get_by_role("radio", name=re.compile(rf"^{re.escape(best)}: {part}")).click()
        expect(opened.locator(".wf-legend")).to_contain_text(f"towards “{best}” as {part}")
        page_actions.wait_until_settled(opened)
        rendered.add(opened.locator(".wf-map").nth(1).inner_html())
    assert len(rendered) == 3


def read_context(page: Page, foil: str) -> str:
    """Return the HTML of the context's heatmap once it has this contrast."""
    expect(page.locator(".wf-legend")).to_contain_text(f"rather than {foil}")
    page_actions.wait_until_settled(page)
    return page.locator(".wf-map").nth(1).inner_html()


def test_another_answer_can_be_chosen_and_compared_and_a_link_shows_the_same(opened, browser):
    ask(opened, QUESTION, CONTEXT)
    first, second = [answer for answer in predict_answers() if len(answer) < 30][:2]
    wait_for_answer(opened, "The model")
    page_actions.choose(opened, "Explain", second)
    page_actions.choose(opened, "Rather than", first)
    opened.get_by_role("button", name="Explain", exact=True).click()
    wait_for_answer(opened, re.compile(f"{re.escape(second)} as answer.* rather than {re.escape(first)}"))
    mine = read_context(opened, first)
    opened.get_by_role("button", name="Copy link").click()
    link = opened.get_by_test_id("stPopoverBody").locator("code").inner_text()
    other = browser.new_context()
    guest, problems = other.new_page(), []
    collect_problems(guest, problems)
    guest.goto(link)
    wait_for_answer(guest, re.compile(f"{re.escape(second)} as answer.* rather than {re.escape(first)}"))
    assert read_context(guest, first) == mine
    assert guest.get_by_role("textbox", name="Question", exact=True).input_value() == QUESTION
    other.close()
    assert problems == []


def test_the_unread_part_of_a_long_context_is_grey(opened):
    context = " ".join(SENTENCES)
    ask(opened, QUESTION, context)
    wait_for_answer(opened, predict_answers(context=context)[0])
    expect(opened.get_by_text(re.compile(r"tokens [\d,]+ to [\d,]+ of [\d,]+.* grey"))).to_be_visible()
    assert opened.locator(".wf-map").nth(1).inner_text() == context
    grey = opened.locator(".wf-unread").all_inner_texts()
    assert grey
    assert all(text in context for text in grey)


def test_an_empty_question_is_refused_and_markup_is_shown_as_text(opened):
    ask(opened, "", CONTEXT)
    expect(opened.get_by_role("alert")).to_contain_text("Question is empty", timeout=3 * PATIENCE)
    assert opened.get_by_role("textbox", name="Context", exact=True).input_value() == CONTEXT
    evil = "The <img src=x onerror=alert(1)> has holes 👍🏽"
    ask(opened, QUESTION, evil)
    wait_for_answer(opened, "The model")
    assert opened.locator(".wf-map").nth(1).inner_text() == evil
    assert opened.locator("img[src=x]").count() == 0


def test_an_example_fills_both_fields(opened):
    example = TASKS["question_answering"].examples[3]
    opened.get_by_role("radio", name=example.label).click()
    wait_for_answer(opened, "The model")
    for name, text in example.inputs:
        assert opened.get_by_role("textbox", name=name.capitalize(), exact=True).input_value() == text


def test_nothing_scrolls_sideways_on_a_phone(browser, server, folder):
    phone = browser.new_context(viewport={"width": 360, "height": 740}, color_scheme="dark")
    page, problems = phone.new_page(), []
    collect_problems(page, problems)
    page.goto(f"{server.url}/question_answering?{urlencode({'model': str(folder), 'method': 'input_x_gradient'})}")
    page.get_by_role("radio", name="A bridge").click()
    wait_for_answer(page, "The model")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    phone.close()
    assert problems == []
