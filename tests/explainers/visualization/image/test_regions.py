"""The nine regions of an image."""

import numpy as np
import pytest

from explainers.visualization.image.regions import rank_regions
from tests.support.image_explanations import make_random_scores


def test_regions_have_their_share_of_one_sign():
    values = np.zeros((9, 9), np.float32)
    values[0:3, 6:9] = 1  # 9 in the upper right
    values[4, 4] = 3
    values[8, 0] = -5
    assert [(r.name, r.share) for r in rank_regions(values)[:2]] == [("the upper right", 0.75), ("the middle", 0.25)]
    assert [(r.name, r.share) for r in rank_regions(values, -1)[:1]] == [("the lower left", 1.0)]
    assert rank_regions(np.zeros((9, 9), np.float32)) == []


@pytest.mark.parametrize("shape", [(1, 1), (2, 5), (3, 3), (14, 14)])
def test_the_shares_of_all_regions_sum_to_one(shape):
    values = np.abs(make_random_scores(*shape)).astype(np.float32) + 0.1
    assert sum(region.share for region in rank_regions(values)) == pytest.approx(1.0)
