"""The page of masked words, in a real browser with a tiny model from a folder."""

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
    return page_actions.open_task(page, server, "fill_mask", model=folder, method="saliency")


def predict_masks(text: str) -> Prediction:
    return predict(Request("fill_mask", "tiny", {"text": text}), bundle=Bundle.of(*tiny("bert", task="fill_mask")))


def wait_for_prediction(page: Page, where: str, word: str) -> None:
    expected = re.compile(f"{re.escape(where)}.*“{re.escape(word)}”")
    expect(page.get_by_role("status").first).to_contain_text(expected, timeout=3 * PATIENCE)
    page_actions.wait_until_settled(page)


def read_candidates(page: Page) -> list[str]:
    return re.findall("“([^”]+)”", page.locator(".wf-note").filter(has_text="“").inner_text())


def test_each_mask_has_its_candidates_and_scores_and_any_candidate_can_be_explained(opened):
    page_actions.explain(opened, {"Text": EVIL})
    first, second = ([str(word.label) for word in there] for there in list_masks(predict_masks(EVIL)))
    wait_for_prediction(opened, "the first [MASK]", first[0])
    assert read_candidates(opened) == first
    assert opened.locator(".wf-map").inner_text() == EVIL.replace("___", "[MASK]")
    expect(opened.locator("img[src=x]")).to_have_count(0)
    expect(opened.locator(".wf-entities")).to_have_count(1)
    opened.get_by_role("button", name=re.compile(r"^\[MASK\]")).nth(1).click()
    wait_for_prediction(opened, "the second [MASK]", second[0])
    assert read_candidates(opened) == second
    opened.get_by_role("radio", name="Attack it").click()
    expect(opened.get_by_role("button", name="Attack", exact=True)).to_be_visible()
    page_actions.choose(opened, "Answer to attack", 1)
    again = " (2)" if second[0] == first[0] else ""
    expect(opened.get_by_role("combobox", name="Answer to attack")).to_have_value(f"[MASK]: {second[0]}{again}")
    opened.get_by_role("combobox", name="Make it say").click()
    # the candidates of the second mask, without the most probable
    expect(opened.get_by_role("option").nth(3)).to_have_text(second[3])
    assert second[3] != first[3]
    opened.keyboard.press("Escape")
    asked = next(word for word in second[1:] if word not in first)
    page_actions.choose(opened, "Explain", f"[MASK]: {asked}")
    opened.get_by_role("button", name="Explain", exact=True).click()
    expect(opened.get_by_role("status").first).to_contain_text(f"“{asked}”")
    wait_for_prediction(opened, "the second [MASK]", second[0])


def test_an_attack_aims_for_a_word_and_a_text_without_a_mask_is_refused(opened):
    text = "The cast is [MASK], and the story is not cold."
    page_actions.explain(opened, {"Text": text})
    best = predict_masks(text).targets[0].label
    wait_for_prediction(opened, "[MASK]", str(best))
    expect(opened.locator(".wf-entities")).to_have_count(0)  # one mask, nothing to choose
    opened.get_by_role("radio", name="Attack it").click()
    wanted = next(word for word in ("bakery", "another") if word != best)
    box = opened.get_by_role("combobox", name="Make it say")
    box.fill(wanted)
    box.press("Enter")
    opened.get_by_role("button", name="Attack", exact=True).click()
    sentence = opened.get_by_role("status").nth(1)
    expect(sentence).to_contain_text(re.compile(rf"{wanted} .*“\[MASK\]”"), timeout=3 * PATIENCE)
    success = sentence.inner_text().startswith("Changing")
    assert success != sentence.inner_text().startswith("No attack was found")
    _, _, changed = page_actions.read_diff(opened)
    assert (predict_masks(changed).targets[0].label == wanted) is success
    page_actions.explain(opened, {"Text": "The cast is warm."})
    expect(opened.get_by_role("alert")).to_contain_text("___ or [MASK]")
    expect(opened.get_by_role("textbox", name="Text", exact=True)).to_have_value("The cast is warm.")
