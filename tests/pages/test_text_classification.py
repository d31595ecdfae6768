"""The text classification page, in a real browser."""

import json
import re
import time
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from explainers import TASKS
from explainers.export.serialize import from_json
from pages.common.navigation import TASK_PAGES
from tests.pages.conftest import PATIENCE, collect_problems
from tests.support import page_actions
from tests.support.browser import Server, start_server
from tests.support.sentences import HOSTILE

EXAMPLES = {example.label: dict(example.inputs)["text"] for example in TASKS["text_classification"].examples}
MARKS = re.compile("[\u202a-\u202e\u2066-\u2069\u200b]")


@pytest.fixture
def opened(page: Page, server: Server) -> Page:
    page.goto(f"{server.url}/text_classification")
    expect(page.get_by_role("button", name="Explain")).to_be_visible()
    return page


def explain(page: Page, text: str) -> None:
    """Type the text, and explain it."""
    box = page.get_by_role("textbox", name="Text", exact=True)
    box.fill(text)
    box.press("Control+Enter")


def read_text(page: Page) -> str:
    page.locator(".wf-map").wait_for()
    return page.locator(".wf-map").inner_text()


def scores(page: Page) -> dict[str, str]:
    page.locator(".wf-map").wait_for()
    return dict(page.locator(".wf-t").evaluate_all("spans => spans.map(span => [span.innerText, span.dataset.n])"))


def test_the_address_of_a_page_works_as_the_first_request_to_a_server(page, tmp_path):
    with start_server(tmp_path) as fresh:
        page.goto(f"{fresh.url}/text_classification?method=saliency")
        expect(page.get_by_role("heading", name="Text classification")).to_be_visible()
        expect(page.get_by_role("link", name="Home")).to_be_visible()
        expect(page.get_by_role("combobox", name="Method")).to_have_value("Saliency")
        page.get_by_role("radio", name="Plain praise").click()
        assert read_text(page) == EXAMPLES["Plain praise"]
        page.close()


def test_a_click_on_an_example_shows_its_words_with_their_scores(opened):
    opened.get_by_role("radio", name="A bad meal").click()
    assert read_text(opened) == EXAMPLES["A bad meal"]
    page_actions.wait_for_sentence(opened, "NEGATIVE")
    expect(opened.get_by_text(re.compile(r"^Converged: .*%"))).to_be_visible()
    words = opened.locator(".wf-map").get_by_role("listitem")
    assert words.count() == 17
    rude = words.filter(has_text="rude")
    expect(rude).to_have_attribute("aria-label", re.compile(r"^rude: [+−][\d.]+ (towards|away from) NEGATIVE$"))
    rude.focus()
    tooltip = rude.evaluate("word => getComputedStyle(word, '::after').content")
    assert tooltip.strip('"') == rude.get_attribute("data-n")


def test_switching_views_computes_nothing(opened):
    opened.get_by_role("radio", name="Mixed feelings").click()
    read_text(opened)
    meter = opened.locator(".wf-meter").inner_text()
    opened.get_by_role("radio", name="Bars").click()
    expect(opened.locator(".js-plotly-plot")).to_be_visible()
    opened.get_by_role("radio", name="Table").click()
    expect(opened.get_by_test_id("stDataFrame")).to_be_visible()
    opened.get_by_role("radio", name="Text", exact=True).click()
    opened.get_by_role("radio", name="Tokens").click()
    expect(opened.locator(".wf-map")).to_contain_text("wonderful")
    assert opened.locator(".wf-meter").inner_text() == meter  # it contains the seconds


def test_a_link_shows_the_same_scores_and_the_address_bar_never_contains_the_text(opened, browser, context):
    explain(opened, "A clever, confidential little film.")
    mine = scores(opened)
    assert "clever" in mine
    assert "z=" not in opened.url
    assert "method=integrated_gradients" in opened.url
    opened.get_by_role("button", name="Copy link").click()
    expect(opened.get_by_text("The link contains your text.")).to_be_visible()
    link = opened.get_by_test_id("stPopoverBody").locator("code").inner_text()
    assert "confidential" not in link
    assert set(parse_qs(urlsplit(link).query)) >= {"model", "method", "z"}
    other = browser.new_context()
    guest, problems = other.new_page(), []
    collect_problems(guest, problems)
    guest.goto(link)
    assert scores(guest) == mine
    assert guest.get_by_role("textbox", name="Text", exact=True).input_value() == "A clever, confidential little film."
    guest.reload()
    assert scores(guest) == mine
    other.close()
    assert problems == []


@pytest.mark.parametrize("kind", list(HOSTILE))
def test_hostile_text_is_shown_as_text(opened, kind):
    explain(opened, HOSTILE[kind])
    shown = re.sub("(202E|202C|200B)", "", read_text(opened))
    assert shown == MARKS.sub("", HOSTILE[kind]).strip("\n")


@pytest.mark.parametrize("level", ["Words", "Tokens"])
def test_a_right_to_left_phrase_keeps_its_order_in_a_left_to_right_text(opened, level):
    explain(opened, "She said شكرا جزيلا and left.")
    opened.get_by_role("radio", name=level).click()
    first, second = ("شكرا", "جزيلا") if level == "Words" else ("ش", "ج")
    opened.locator(".wf-t").filter(has_text=re.compile(f"^{first}$")).wait_for()
    places = "spans => spans.map(span => [span.innerText, span.getBoundingClientRect().x])"
    edges = dict(opened.locator(".wf-t").evaluate_all(places))
    assert edges["She"] < edges[second] < edges[first] < edges["and"]


def test_five_thousand_words_are_shown_and_the_unread_ones_are_grey(page, server):
    text = " ".join(f"word{i}" for i in range(5_000))
    # Saliency needs one pass over 512 tokens, not 30
    opened = page_actions.open_task(page, server, "text_classification", method="saliency")
    explain(opened, text)
    opened.locator(".wf-map").wait_for(timeout=8 * PATIENCE)
    assert read_text(opened) == text
    expect(opened.get_by_text(re.compile("512 tokens"))).to_be_visible()
    assert opened.locator(".wf-unread").inner_text().endswith("word4999")


def test_the_navigation_shows_the_label_of_every_task():
    assert {key: title for key, title, _ in TASK_PAGES} == {key: task.label for key, task in TASKS.items()}


def test_an_empty_text_is_refused_and_the_page_goes_on(opened):
    explain(opened, "   ")
    expect(opened.get_by_role("alert").filter(has_text="Text is empty")).to_be_visible()
    explain(opened, "Good.")
    assert read_text(opened) == "Good."


def test_a_missing_model_folder_is_refused_and_nothing_typed_is_lost(opened):
    box = opened.get_by_role("combobox", name="Model")
    box.fill("./no/such/folder")
    box.press("Enter")
    explain(opened, "Good film, *really*.")
    expect(opened.get_by_role("alert").filter(has_text="config.json")).to_be_visible()
    expect(opened.get_by_role("textbox", name="Text", exact=True)).to_have_value("Good film, *really*.")


def test_another_label_is_explained_rather_than_a_contrast(opened):
    for picker, label in (("Explain", "NEGATIVE"), ("Rather than", "POSITIVE")):
        page_actions.choose(opened, picker, label)
    explain(opened, "A clever little film.")
    read_text(opened)
    page_actions.wait_for_sentence(opened, re.compile("NEGATIVE.* rather than POSITIVE"))
    assert "target=NEGATIVE" in opened.url
    assert "foil=POSITIVE" in opened.url


def test_a_link_with_an_unknown_method_shows_a_warning_and_a_working_page(page, server):
    page.goto(f"{server.url}/text_classification?method=magic&model=sentiment")
    expect(page.get_by_role("alert").filter(has_text="magic")).to_be_visible()
    page.get_by_role("radio", name="Plain praise").click()
    assert read_text(page) == EXAMPLES["Plain praise"]


def test_a_damaged_link_shows_a_warning_and_a_working_page(page, server):
    page.goto(f"{server.url}/text_classification?z=!!!")
    expect(page.get_by_role("alert").filter(has_text="damaged")).to_be_visible()
    page.get_by_role("radio", name="Plain praise").click()
    assert read_text(page) == EXAMPLES["Plain praise"]


def test_the_html_file_shows_the_same_scores_offline_and_the_json_loads(opened, browser, tmp_path):
    opened.get_by_role("radio", name="Sarcasm").click()
    mine = scores(opened)
    for kind in ("HTML", "JSON", "CSV"):
        with opened.expect_download() as download:
            opened.get_by_role("button", name=f"Download {kind}").click()
        download.value.save_as(tmp_path / f"result.{kind.lower()}")
    loaded = from_json((tmp_path / "result.json").read_text())
    assert loaded.request.texts["text"] == EXAMPLES["Sarcasm"]
    assert json.loads((tmp_path / "result.json").read_text())["scores"] == loaded.scores.tolist()
    offline = browser.new_context(offline=True)
    guest, problems = offline.new_page(), []
    collect_problems(guest, problems)
    guest.goto((tmp_path / "result.html").as_uri())
    assert scores(guest) == mine
    offline.close()
    assert [problem for problem in problems if "file://" not in problem] == []


def test_the_page_works_by_keyboard_alone(opened):
    opened.get_by_role("textbox", name="Text", exact=True).focus()
    opened.keyboard.press("Control+A")
    opened.keyboard.type("A warm and clever film.")
    for _ in range(12):
        opened.keyboard.press("Tab")
        if opened.evaluate("document.activeElement.innerText").startswith(("Explain", "play_arrow")):
            break
    opened.keyboard.press("Enter")
    assert read_text(opened) == "A warm and clever film."


@pytest.mark.parametrize("path", ["", "text_classification", "models", "about"])
def test_nothing_scrolls_sideways_on_a_phone(browser, server, path):
    phone = browser.new_context(viewport={"width": 360, "height": 740}, color_scheme="dark")
    page, problems = phone.new_page(), []
    collect_problems(page, problems)
    page.goto(f"{server.url}/{path}")
    page.get_by_role("heading", level=1).wait_for()
    if path == "text_classification":
        page.get_by_role("radio", name="Mixed feelings").click()
    if path in ("", "text_classification"):
        read_text(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    wide = "[...document.querySelectorAll('.stMain *:not(pre *)')].filter(e => e.getBoundingClientRect().right > 361)"
    assert page.evaluate(f"{wide}.map(e => e.outerHTML.slice(0, 200))") == []
    phone.close()
    assert problems == []


def test_dark_and_light_themes_have_different_colours(browser, server):
    shades = {}
    for scheme in ("light", "dark"):
        context = browser.new_context(color_scheme=scheme)
        page = context.new_page()
        page.goto(server.url)
        read_text(page)
        word = page.locator(".wf-t.wf-strong").first
        shades[scheme] = word.evaluate("word => getComputedStyle(word).backgroundColor")
        context.close()
    assert shades["light"].startswith("rgba(33, 102, 172")
    assert shades["dark"].startswith("rgba(103, 169, 207")


def test_home_explains_an_example_at_once(page, server):
    page.goto(server.url)
    assert read_text(page) == EXAMPLES["Mixed feelings"]
    page_actions.wait_for_sentence(page, "POSITIVE")
    page.get_by_role("main").get_by_role("link", name="Text classification").click()
    expect(page.get_by_role("heading", name="Text classification")).to_be_visible()


def test_an_explanation_can_be_cancelled(opened):
    opened.goto(opened.url.split("?")[0] + "?tolerance=0.0001&most_passes=5000&unit=logit")
    explain(opened, " ".join(EXAMPLES.values()) * 3)
    opened.get_by_role("button", name="Cancel").click()
    expect(opened.get_by_text("then press Explain.")).to_be_visible()
    time.sleep(0.5)
    assert opened.locator(".wf-map").count() == 0
