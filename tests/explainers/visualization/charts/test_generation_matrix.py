"""The heatmap of generated tokens and their sources."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from explainers.visualization.charts.generation_matrix import describe_matrix, draw_matrix, list_targets, round_scores
from tests.support.generations import NAN, generation

SCORES = [[0.1, 0.2, -0.3, 0.9, 0.5], [0.25, 0, 0.1, -0.2, 0.1, 0.8], [0.1, 0.1, 0.1, 0.1, 0.1, -0.2, 0.6]]


def test_unsigned_scores_have_a_scale_from_zero():
    scores = [[1.0] * 5, [2.0] * 6, [3.0] * 7]
    plain, signed = (draw_matrix(generation(scores=scores, signed=sign)).data[0] for sign in (False, True))
    assert (plain.zmin, plain.zmax, signed.zmin, signed.zmax) == (0, 3, -3, 3)
    assert plain.colorscale[-1] == signed.colorscale[-1]
    assert plain.colorscale[0][1] == signed.colorscale[2][1]


def test_the_heatmap_has_a_column_per_token_and_gaps_for_invisible_features():
    explanation = generation(scores=SCORES, steps=(("entropy", (1.0, 2.0, 3.0)),))
    heatmap, steps = draw_matrix(explanation).data
    assert_allclose(heatmap.z, explanation.scores[:, :7].T, rtol=0.01)
    assert np.isnan(heatmap.z[5, 0])
    assert list(heatmap.x) == ["1 Par", "2 is", "3 ."]
    assert heatmap.y[3] == "4 France"
    assert (heatmap.zmin, heatmap.zmax) == (pytest.approx(-0.9), pytest.approx(0.9))
    assert not heatmap.hoverongaps
    assert_allclose(steps.z, [[0, 0.5, 1]])
    assert_allclose(steps.customdata, [[1, 2, 3]])


def test_a_few_large_scores_do_not_set_the_colour_scale():
    given, made = ([f"{kind}{i}" for i in range(20)] for kind in "wo")
    long = generation(given, made, texts=(" ".join(given), " " + " ".join(made)))
    scores = np.where(np.isnan(long.scores), NAN, 1).astype(np.float32)
    scores[7, 3] = -50
    heatmap = draw_matrix(replace(long, scores=scores)).data[0]
    assert (heatmap.zmin, heatmap.zmax) == (-1, 1)
    assert np.nanmin(heatmap.z) == -50, "the pointer still tells the number"
    assert heatmap.colorbar.title.text == "probability (larger scores have the same colour)"
    scores[7, 3] = 1
    assert draw_matrix(replace(long, scores=scores)).data[0].colorbar.title.text == "probability"


def test_numbers_are_rounded_to_three_significant_digits():
    given = np.array([[1234.5, -0.00012345, 0.0, NAN]], np.float32)
    assert_allclose(round_scores(given), [[1230, -0.000123, 0, NAN]], rtol=1e-6)


def test_description_and_table_name_the_strongest_sources():
    explanation = generation(scores=SCORES, steps=(("entropy", (1.0, 2.0, 3.0)),))
    assert describe_matrix(explanation).startswith(
        "Heatmap of 3 generated tokens and their sources. Strongest in each column: Par: France +0.90; is: Par"
    )
    first = list_targets(explanation)[0]
    assert first["sources"].startswith("France +0.90, is +0.50, of −0.30")
    assert (first["text"], first["probability"], first["Entropy (nats)"]) == ("Par", 0.5, 1.0)
