"""The model randomisation test in words and as a chart."""

import pytest

from explainers.results.agreement import Agreement, RandomizationStep
from explainers.visualization.charts.randomization import describe_decline as sanity_alt
from explainers.visualization.charts.randomization import describe_randomization, draw_decline


def make_agreement(value, shared=20, overlap=0.6):
    return Agreement(shared, value, value, overlap, 5)


def make_steps(*values, shared=20):
    return [RandomizationStep(f"layer.{i}", make_agreement(value, shared=shared)) for i, value in enumerate(values)]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (make_steps(0.9, 0.8), "hardly depends on what the model has learnt"),
        (make_steps(0.9, 0.5), "a part of the explanation does not depend"),
        (make_steps(0.9, 0.1), "the explanation depends on what the model has learnt"),
        (make_steps(0.9, -0.1), "the explanation depends on what the model has learnt"),
        (make_steps(0.9, None), "too few words"),
        (make_steps(0.9, 0.1, shared=5), "too few words"),
    ],
)
def test_the_sentence_depends_on_the_correlation_after_full_randomisation(found, said):
    assert said in describe_randomization(found)


def test_the_line_begins_at_1_and_has_a_point_per_layer():
    strengths, signed = draw_decline(make_steps(0.9, 0.5, None)).data
    assert list(strengths.y) == list(signed.y) == [1.0, 0.9, 0.5, None]
    assert "layer.0 0.90; layer.1 0.50" in sanity_alt(make_steps(0.9, 0.5, None))
    unsigned = [RandomizationStep("head", Agreement(20, None, 0.5, 0.6, 5))]
    assert [line.name for line in draw_decline(unsigned).data] == ["absolute scores"]
