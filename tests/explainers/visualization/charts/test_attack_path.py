"""The steps of an attack as a chart and as rows."""

from explainers.results.attack import Edit
from explainers.visualization.charts.attack_path import describe_path, draw_path
from explainers.visualization.summaries.attack import list_steps
from tests.support.attacks import make_attack


def test_the_chart_and_the_rows_have_every_step():
    found = make_attack(edits=[Edit(0, "good", "bad", -2.0, 0, 4), Edit(2, "film", "hour", -1.0, 34, 38)])
    assert list(draw_path(found).data[0].y) == [0.9, 0.2, 0.2]
    assert draw_path(found).layout.xaxis.title.text == "words changed, step by step"
    assert draw_path(make_attack("input_reduction")).layout.xaxis.title.text == "words dropped, step by step"
    rows = list_steps(found)
    assert [row["change"] for row in rows] == ["original text", "good → bad", "film → hour"]
    assert [row["estimate"] for row in rows] == [0, -2.0, -1.0]
    assert "good → bad: 20 %" in describe_path(found)
