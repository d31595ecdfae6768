"""What a text is made of: the rows of the table of words that the model reads."""

import pytest
import torch

from explainers import TASKS, Bundle, Request
from explainers.problem import Run
from tests.nli import named
from tests.sentences import SENTENCES
from tests.tiny import EVERY, IMAGES, tiny

KINDS = [kind for kind in EVERY if kind not in (*IMAGES, "marian")]


def encoded(bundle, task="text_classification", **more):
    request = Request(task, "tiny", {"text": SENTENCES[6]} | more)
    return TASKS[task].encode(bundle, request, Run())


@pytest.mark.parametrize("kind", KINDS)
def test_every_feature_is_the_row_of_the_table_that_its_id_names(kind):
    bundle = Bundle.of(*tiny(kind))
    problem = encoded(bundle)
    assert problem.ids.shape == (1, len(problem.features))
    assert len(problem.table) == len(bundle.anatomy.word.weight)
    torch.testing.assert_close(problem.table[problem.ids], problem.x, rtol=0, atol=0)


def test_features_that_several_sequences_share_name_their_rows_too():
    problem = encoded(Bundle.of(*named("bert")), "zero_shot_classification", labels="music, home")
    torch.testing.assert_close(problem.table[problem.ids], problem.x, rtol=0, atol=0)
