"""Standard errors of sampled scores: shown and exported."""

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


def test_sampled_scores_are_shown_with_their_standard_error():
    explanation = make_explanation(spread=np.array([[0.06, 0.02, 0.0]], np.float32))
    pieces = [piece["data-n"] for piece in ParsedHtml(render_spans(explanation)).all("wf-t")]
    assert pieces == ["+0.30 ± 0.06", "−0.20 ± 0.02", "+0.05 ± 0"]
    assert [row["spread"] for row in list_scores(explanation)] == pytest.approx([0.06, 0.02, 0.0])
    assert "± 15 %" in ParsedHtml(render_convergence(explanation)).text()
    assert "± 0.060000" in to_html(explanation)
    plain = make_explanation()
    assert "±" not in render_spans(plain) + render_convergence(plain) + to_html(plain)
    assert all("spread" not in row for row in list_scores(plain))


def test_csv_files_have_a_column_for_the_standard_error():
    explanation = make_explanation(spread=np.array([[0.5, 0.25, np.nan]], np.float32))
    sheet = list(csv.DictReader(io.StringIO(to_csv(explanation))))
    assert [row["spread"] for row in sheet] == ["0.5", "0.25", ""]
    assert {row["spread"] for row in csv.DictReader(io.StringIO(to_csv(make_explanation())))} == {""}
