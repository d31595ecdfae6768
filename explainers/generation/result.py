"""What a generation is: an explanation whose targets are tokens that the model wrote, each a feature of later ones.

Knows numpy only.
"""

import numpy as np

from ..data import Explanation


def is_generation(explanation: Explanation) -> bool:
    """Whether each target is itself a feature, which that target could not see."""
    count = len(explanation.features)
    places = [target.position for target in explanation.targets]
    if explanation.grid or not places:
        return False
    return all(
        place is not None and place < count and bool(np.isnan(explanation.scores[row, place]))
        for row, place in enumerate(places)
    )


def written(explanation: Explanation) -> dict[int, int]:
    """The row of each feature that is explained, by the feature's index."""
    return {target.position: row for row, target in enumerate(explanation.targets) if target.position is not None}
