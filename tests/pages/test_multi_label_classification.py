"""The multi-label classification page, used in a real browser."""

import json

import pytest
from playwright.sync_api import expect

from explainers import TASKS
from tests.support.page_actions import (
    copy_link,
    download_files,
    explain,
    open_task,
    read_scores,
    read_scores_as_guest,
    read_texts,
    save_model,
)
from tests.support.sentences import HOSTILE

KEY = "multi_label_classification"
EXAMPLES = {example.label: dict(example.inputs)["text"] for example in TASKS[KEY].examples}
FEELINGS = ("joy", "anger", "fear", "love", "pride", "grief", "relief", "surprise")
TEXT = "The lake was quiet."


@pytest.fixture(scope="module")
def feelings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("feelings")
    return save_model(folder, "bert", FEELINGS, problem_type="multi_label_classification")


def read_labels(page):
    """Return the labels to choose from, with their probabilities."""
    group = page.get_by_role("radiogroup", name="Explained")
    return [text.removesuffix(")").split(" (") for text in group.get_by_role("radio").all_inner_texts()]


def test_an_example_explains_the_six_most_probable_labels(page, server, feelings):
    open_task(page, server, KEY, model=feelings)
    page.get_by_role("radio", name="Deadpan").click()
    assert read_texts(page) == [EXAMPLES["Deadpan"]]
    labels = read_labels(page)
    assert len(labels) == 6
    shares = [float(share.strip("<> %")) for _, share in labels]
    assert shares == sorted(shares, reverse=True)
    expect(page.locator(".wf-said")).to_contain_text(labels[0][0])
    first = read_scores(page)
    page.get_by_role("radio", name=labels[3][0]).click()
    expect(page.locator(".wf-said")).to_contain_text(labels[3][0])
    expect(page.locator(".wf-legend")).to_contain_text(f"towards {labels[3][0]}")
    assert read_scores(page) != first


def test_the_matrix_has_a_row_for_every_label_above_the_threshold(page, server, feelings):
    open_task(page, server, KEY, model=feelings, labels=8)
    explain(page, {"Text": TEXT})
    read_texts(page)
    labels = read_labels(page)
    assert len(labels) == 8
    page.get_by_role("radio", name="Matrix").click()
    chart = page.locator(".js-plotly-plot")
    chart.wait_for()
    ticks = "plot => [...plot.querySelectorAll('.ytick text')].map(tick => tick.textContent)"
    assert chart.evaluate(ticks) == [name for name, _ in labels]
    slider = page.get_by_role("slider", name="Probability at least")
    slider.focus()
    slider.press("End")  # above every probability, the most probable label stays
    expect(page.get_by_role("radiogroup", name="Explained").get_by_role("radio")).to_have_count(1)
    expect(page.locator(".js-plotly-plot .ytick text")).to_have_count(1)
    assert read_labels(page) == labels[:1]


def test_all_labels_are_shared_by_link_and_by_file(page, server, feelings, browser, tmp_path):
    open_task(page, server, KEY, model=feelings, labels=4)
    explain(page, {"Text": TEXT})
    mine = read_scores(page)
    explanation, html, csv = download_files(page, tmp_path)
    assert [target.label for target in explanation.targets] == [name for name, _ in read_labels(page)]
    assert json.loads((tmp_path / "result.json").read_text())["scores"] == explanation.scores.tolist()
    assert len(csv.splitlines()) == 1 + 4 * len(explanation.features)
    offline = read_scores_as_guest(browser, html.as_uri(), offline=True)
    assert len(offline) == 4 * len(mine)
    assert offline[: len(mine)] == mine
    assert read_scores_as_guest(browser, copy_link(page)) == mine


def test_an_empty_text_is_refused_and_hostile_text_is_shown_as_text(page, server, feelings):
    open_task(page, server, KEY, model=feelings)
    explain(page, {"Text": " "})
    expect(page.get_by_role("alert").filter(has_text="Text is empty")).to_be_visible()
    explain(page, {"Text": HOSTILE["image"]})
    assert read_texts(page) == [HOSTILE["image"]]


def test_a_single_label_model_is_refused_with_the_name_of_its_task(page, server, tmp_path):
    one = save_model(tmp_path / "one", "bert", ("good", "bad"), problem_type="single_label_classification")
    open_task(page, server, KEY, model=one)
    explain(page, {"Text": TEXT})
    expect(page.get_by_role("alert").filter(has_text="text classification")).to_be_visible()
