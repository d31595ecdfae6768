"""The multi-label classification page, used in a real browser."""

import json

import pytest
from playwright.sync_api import expect

from explainers import TASKS
from tests.support.page_actions import downloaded, explain, link, maps, saved, scores, seen_by_a_guest, visit
from tests.support.sentences import HOSTILE

KEY = "multi_label_classification"
EXAMPLES = {example.label: dict(example.inputs)["text"] for example in TASKS[KEY].examples}
FEELINGS = ("joy", "anger", "fear", "love", "pride", "grief", "relief", "surprise")
TEXT = "The lake was quiet."


@pytest.fixture(scope="module")
def feelings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("feelings")
    return saved(folder, "bert", FEELINGS, problem_type="multi_label_classification")


def labels(page):
    """The labels that can be looked at, with their probabilities."""
    group = page.get_by_role("radiogroup", name="Explained")
    return [text.removesuffix(")").split(" (") for text in group.get_by_role("radio").all_inner_texts()]


def test_an_example_shows_the_six_most_probable_labels_and_a_map_for_each(page, server, feelings):
    visit(page, server, KEY, model=feelings)
    page.get_by_role("radio", name="Deadpan").click()
    assert maps(page) == [EXAMPLES["Deadpan"]]
    found = labels(page)
    assert len(found) == 6
    shares = [float(share.strip("<> %")) for _, share in found]
    assert shares == sorted(shares, reverse=True)
    expect(page.locator(".wf-said")).to_contain_text(f"The model predicts {found[0][0]}")
    first = scores(page)
    page.get_by_role("radio", name=found[3][0]).click()
    expect(page.locator(".wf-said")).to_contain_text(f"This explains {found[3][0]}")
    expect(page.locator(".wf-legend")).to_contain_text(f"towards {found[3][0]}")
    assert scores(page) != first


def test_the_matrix_has_a_line_for_every_label_that_the_threshold_leaves(page, server, feelings):
    visit(page, server, KEY, model=feelings, labels=8)
    explain(page, {"Text": TEXT})
    maps(page)
    found = labels(page)
    assert len(found) == 8
    page.get_by_role("radio", name="Matrix").click()
    chart = page.locator(".js-plotly-plot")
    chart.wait_for()
    ticks = "plot => [...plot.querySelectorAll('.ytick text')].map(tick => tick.textContent)"
    assert chart.evaluate(ticks) == [name for name, _ in found]
    slider = page.get_by_role("slider", name="At least")
    slider.focus()
    slider.press("End")  # a threshold that no label reaches leaves the most probable
    expect(page.get_by_role("radiogroup", name="Explained").get_by_role("radio")).to_have_count(1)
    expect(page.locator(".js-plotly-plot .ytick text")).to_have_count(1)
    assert labels(page) == found[:1]


def test_all_rows_go_to_somebody_else_by_link_and_by_file(page, server, feelings, browser, tmp_path):
    visit(page, server, KEY, model=feelings, labels=4)
    explain(page, {"Text": TEXT})
    mine = scores(page)
    found, html, csv = downloaded(page, tmp_path)
    assert [target.label for target in found.targets] == [name for name, _ in labels(page)]
    assert json.loads((tmp_path / "result.json").read_text())["scores"] == found.scores.tolist()
    assert len(csv.splitlines()) == 1 + 4 * len(found.features)
    offline = seen_by_a_guest(browser, html.as_uri(), offline=True)
    assert len(offline) == 4 * len(mine)
    assert offline[: len(mine)] == mine
    assert seen_by_a_guest(browser, link(page)) == mine


def test_nothing_is_asked_for_and_hostile_text_shows_as_text(page, server, feelings):
    visit(page, server, KEY, model=feelings)
    explain(page, {"Text": " "})
    expect(page.get_by_role("alert").filter(has_text="Text is empty")).to_be_visible()
    explain(page, {"Text": HOSTILE["image"]})
    assert maps(page) == [HOSTILE["image"]]


def test_a_model_that_chooses_one_label_is_answered_with_the_task_that_fits(page, server, tmp_path):
    one = saved(tmp_path / "one", "bert", ("good", "bad"), problem_type="single_label_classification")
    visit(page, server, KEY, model=one)
    explain(page, {"Text": TEXT})
    expect(page.get_by_role("alert").filter(has_text="Explain it as text classification")).to_be_visible()
