"""The steps of an attack as a chart and as rows."""

from explainers import Prediction, Request, Target
from explainers.results.attack import Attack, Edit, Step
from explainers.visualization.charts.attack_path import describe_path, draw_path
from explainers.visualization.summaries.attack import list_steps

EVIL = "<img src=x onerror=alert(1)>"


TEXT = f"good {EVIL} film"


def make_attack(key="hotflip", success=True, wanted=None, edits=(), reason="", minimal=(), last=0.2, says="NEGATIVE"):
    trajectory = (Step(TEXT, (), "POSITIVE", 0.9), *[Step("bad film", (edit,), says, last) for edit in edits])
    return Attack(
        request=Request("text_classification", "m", {"text": TEXT}),
        key=key,
        field="text",
        attacked=Target("POSITIVE"),
        wanted=wanted,
        before=Prediction((Target("POSITIVE", 0, probability=0.9),)),
        after=Prediction((Target(says, 1, probability=1 - last),)),
        success=success,
        reason=reason,
        trajectory=trajectory,
        minimal=minimal,
    )


def test_the_chart_and_the_rows_have_every_step():
    found = make_attack(edits=[Edit(0, "good", "bad", -2.0, 0, 4), Edit(2, "film", "hour", -1.0, 34, 38)])
    assert list(draw_path(found).data[0].y) == [0.9, 0.2, 0.2]
    assert draw_path(found).layout.xaxis.title.text == "words changed, step by step"
    assert draw_path(make_attack("input_reduction")).layout.xaxis.title.text == "words dropped, step by step"
    rows = list_steps(found)
    assert [row["change"] for row in rows] == ["original text", "good → bad", "film → hour"]
    assert [row["estimate"] for row in rows] == [0, -2.0, -1.0]
    assert "good → bad: 20 %" in describe_path(found)
