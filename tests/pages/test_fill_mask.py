"""The page of masked words, used in a real browser with a tiny model from a folder."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from explainers import Bundle, Prediction, Request, predict
from explainers.visualization.summaries.mask_predictions import list_masks
from tests.pages.conftest import PATIENCE
from tests.support import page_actions
from tests.support.browser import Server
from tests.support.tiny import tiny

EVIL = "The ___ is wonderful <img src=x onerror=alert(1)>, and the [MASK] was cold 👍🏽."


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("masked") / "model"
    for part in tiny("bert", task="fill_mask"):
        part.save_pretrained(path)
    return path


@pytest.fixture
def opened(page: Page, server: Server, folder: Path) -> Page:
    return page_actions.visit(page, server, "fill_mask", model=folder, method="saliency")


def told(text: str) -> Prediction:
    return predict(Request("fill_mask", "tiny", {"text": text}), bundle=Bundle.of(*tiny("bert", task="fill_mask")))


def expects(page: Page, where: str, word: str) -> None:
    said = f"For {where}, the model predicts “{word}”"
    expect(page.get_by_role("status").first).to_contain_text(said, timeout=3 * PATIENCE)
    page_actions.settled(page)


def likeliest(page: Page) -> list[str]:
    return re.findall("“([^”]+)”", page.locator(".wf-note").filter(has_text="Most probable words").inner_text())


def test_each_gap_has_its_words_and_its_map_and_any_word_can_be_asked_about(opened):
    page_actions.explain(opened, {"Text": EVIL})
    first, second = ([str(word.label) for word in there] for there in list_masks(told(EVIL)))
    expects(opened, "the first [MASK]", first[0])
    assert likeliest(opened) == first
    assert opened.locator(".wf-map").inner_text() == EVIL.replace("___", "[MASK]")
    expect(opened.locator("img[src=x]")).to_have_count(0)
    expect(opened.locator(".wf-entities")).to_have_count(1)
    opened.get_by_role("button", name=re.compile(r"^\[MASK\]")).nth(1).click()
    expects(opened, "the second [MASK]", second[0])
    assert likeliest(opened) == second
    opened.get_by_role("radio", name="Attack it").click()
    expect(opened.get_by_role("button", name="Attack", exact=True)).to_be_visible()
    page_actions.choose(opened, "Answer to attack", 1)
    again = " (2)" if second[0] == first[0] else ""
    expect(opened.get_by_role("combobox", name="Answer to attack")).to_have_value(f"[MASK]: {second[0]}{again}")
    opened.get_by_role("combobox", name="Make it say").click()
    expect(opened.get_by_role("option").nth(3)).to_have_text(second[3])  # the second gap's own, without its likeliest
    assert second[3] != first[3]
    opened.keyboard.press("Escape")
    asked = next(word for word in second[1:] if word not in first)
    page_actions.choose(opened, "Explain", f"[MASK]: {asked}")
    opened.get_by_role("button", name="Explain", exact=True).click()
    expect(opened.get_by_role("status").first).to_contain_text(f"This explains “{asked}”")
    expects(opened, "the second [MASK]", second[0])


def test_a_gap_is_made_to_say_a_word_and_a_text_without_one_is_asked_for(opened):
    text = "The cast is [MASK], and the story is not cold."
    page_actions.explain(opened, {"Text": text})
    best = told(text).targets[0].label
    expects(opened, "[MASK]", str(best))
    expect(opened.locator(".wf-entities")).to_have_count(0)  # there is one gap, and nothing to choose
    opened.get_by_role("radio", name="Attack it").click()
    wanted = next(word for word in ("bakery", "another") if word != best)
    box = opened.get_by_role("combobox", name="Make it say")
    box.fill(wanted)
    box.press("Enter")
    opened.get_by_role("button", name="Attack", exact=True).click()
    came = opened.get_by_role("status").nth(1)
    expect(came).to_contain_text(f"say {wanted} for “[MASK]”", timeout=3 * PATIENCE)
    success = came.inner_text().startswith("Changing")
    assert success != came.inner_text().startswith("No attack was found")
    _, _, now = page_actions.changed(opened)
    assert (told(now).targets[0].label == wanted) is success
    page_actions.explain(opened, {"Text": "The cast is warm."})
    expect(opened.get_by_role("alert")).to_contain_text("Write ___ or [MASK] where a word is missing.")
    expect(opened.get_by_role("textbox", name="Text", exact=True)).to_have_value("The cast is warm.")
