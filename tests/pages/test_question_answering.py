"""The page of question answering, used in a real browser on a fresh server with a tiny model from a folder."""

import re
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from explainers import TASKS, Bundle, Request, predict
from tests.pages.conftest import PATIENCE, watch
from tests.support import page_actions
from tests.support.browser import Server
from tests.support.sentences import SENTENCES
from tests.support.tiny import tiny

QUESTION, CONTEXT = "What has holes?", SENTENCES[11]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model that answers questions, as a person may have one on their disk."""
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


def answers(question: str = QUESTION, context: str = CONTEXT) -> list[str]:
    bundle = Bundle.of(*tiny("bert", task="question_answering"))
    request = Request("question_answering", "tiny", {"question": question, "context": context})
    return [target.label for target in predict(request, bundle=bundle).targets]


def said(page: Page, words: str) -> None:
    expect(page.locator(".wf-said")).to_contain_text(words, timeout=3 * PATIENCE)


def test_an_answer_has_a_map_each_for_itself_its_start_and_its_end_over_both_texts(opened):
    ask(opened, QUESTION, CONTEXT)
    best = answers()[0]
    said(opened, f"The model answers {best}")
    assert [block.inner_text() for block in opened.locator(".wf-map").all()] == [QUESTION, CONTEXT]
    maps = set()
    for part in ("answer", "start", "end"):
        opened.get_by_role("radio", name=re.compile(rf"^{re.escape(best)}: {part}")).click()
        expect(opened.locator(".wf-legend")).to_contain_text(f"towards “{best}” as {part}")
        page_actions.settled(opened)
        maps.add(opened.locator(".wf-map").nth(1).inner_html())
    assert len(maps) == 3


def context_map(page: Page, foil: str) -> str:
    """The map of the context, once it is that of a question with this foil."""
    expect(page.locator(".wf-legend")).to_contain_text(f"rather than {foil}")
    page_actions.settled(page)
    return page.locator(".wf-map").nth(1).inner_html()


def test_another_answer_can_be_chosen_and_compared_and_a_link_shows_the_same(opened, browser):
    ask(opened, QUESTION, CONTEXT)
    first, second = [answer for answer in answers() if len(answer) < 30][:2]
    said(opened, "The model answers")
    page_actions.choose(opened, "Explain", second)
    page_actions.choose(opened, "Rather than", first)
    opened.get_by_role("button", name="Explain", exact=True).click()
    said(opened, f"Why {second} as answer rather than {first}?")
    mine = context_map(opened, first)
    opened.get_by_role("button", name="Copy link").click()
    link = opened.get_by_test_id("stPopoverBody").locator("code").inner_text()
    other = browser.new_context()
    guest, problems = other.new_page(), []
    watch(guest, problems)
    guest.goto(link)
    said(guest, f"Why {second} as answer rather than {first}?")
    assert context_map(guest, first) == mine
    assert guest.get_by_role("textbox", name="Question", exact=True).input_value() == QUESTION
    other.close()
    assert problems == []


def test_of_a_long_context_the_part_that_was_not_read_is_grey(opened):
    context = " ".join(SENTENCES)
    ask(opened, QUESTION, context)
    said(opened, f"The model answers {answers(context=context)[0]}")
    expect(opened.get_by_text(re.compile(r"tokens [\d,]+ to [\d,]+ of [\d,]+"))).to_be_visible()
    assert opened.locator(".wf-map").nth(1).inner_text() == context
    grey = opened.locator(".wf-unread").all_inner_texts()
    assert grey
    assert all(text in context for text in grey)


def test_what_is_missing_is_asked_for_and_markup_is_shown_as_it_is(opened):
    ask(opened, "", CONTEXT)
    expect(opened.get_by_role("alert")).to_contain_text("Question is empty. Type a question.", timeout=3 * PATIENCE)
    assert opened.get_by_role("textbox", name="Context", exact=True).input_value() == CONTEXT
    evil = "The <img src=x onerror=alert(1)> has holes 👍🏽"
    ask(opened, QUESTION, evil)
    said(opened, "The model answers")
    assert opened.locator(".wf-map").nth(1).inner_text() == evil
    assert opened.locator("img[src=x]").count() == 0


def test_an_example_fills_in_both_fields(opened):
    example = TASKS["question_answering"].examples[3]
    opened.get_by_role("radio", name=example.label).click()
    said(opened, "The model answers")
    for name, text in example.inputs:
        assert opened.get_by_role("textbox", name=name.capitalize(), exact=True).input_value() == text


def test_nothing_scrolls_sideways_on_a_phone(browser, server, folder):
    phone = browser.new_context(viewport={"width": 360, "height": 740}, color_scheme="dark")
    page, problems = phone.new_page(), []
    watch(page, problems)
    page.goto(f"{server.url}/question_answering?{urlencode({'model': str(folder), 'method': 'input_x_gradient'})}")
    page.get_by_role("radio", name="A bridge").click()
    said(page, "The model answers")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    phone.close()
    assert problems == []
