"""The spread of scores that came by chance: kept, added up by word, written to files and shown."""

import csv
import io

import numpy as np
import pytest

from explainers.export.html import to_html
from explainers.export.serialize import to_csv
from explainers.visualization.summaries.convergence import render_convergence
from explainers.visualization.summaries.score_table import list_scores
from explainers.visualization.text.spans import render_spans
from tests.support.explanations import ParsedHtml, make_explanation


def test_scores_that_came_by_chance_are_shown_with_their_spread():
    found = make_explanation(spread=np.array([[0.06, 0.02, 0.0]], np.float32))
    pieces = [piece["data-n"] for piece in ParsedHtml(render_spans(found)).all("wf-t")]
    assert pieces == ["+0.30 ± 0.06", "−0.20 ± 0.02", "+0.05 ± 0"]
    assert [row["spread"] for row in list_scores(found)] == pytest.approx([0.06, 0.02, 0.0])
    assert "by about ± 15 % of their size" in ParsedHtml(render_convergence(found)).text()
    assert "± 0.060000" in to_html(found)
    plain = make_explanation()
    assert "±" not in render_spans(plain) + render_convergence(plain) + to_html(plain)
    assert all("spread" not in row for row in list_scores(plain))


def test_a_csv_file_has_a_column_for_the_spread_of_scores_that_came_by_chance():
    found = make_explanation(spread=np.array([[0.5, 0.25, np.nan]], np.float32))
    sheet = list(csv.DictReader(io.StringIO(to_csv(found))))
    assert [row["spread"] for row in sheet] == ["0.5", "0.25", ""]
    assert {row["spread"] for row in csv.DictReader(io.StringIO(to_csv(make_explanation())))} == {""}
