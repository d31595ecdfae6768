"""What is held at once: a part of a vocabulary, of the targets, of the points of a way; the answer is the same."""

import importlib

import pytest
import torch
from torch.testing import assert_close

from explainers.methods.discretized_integrated_gradients import discretized_integrated_gradients
from explainers.methods.smooth_grad import smooth_grad, square_grad, var_grad
from explainers.models.probes import embeddings
from explainers.models.probes.embeddings import Embedding, Reader, Table
from tests.support.problems import change_problem, make_linear_problem, make_problem

smooth = importlib.import_module("explainers.methods.smooth_grad")
discretized = importlib.import_module("explainers.methods.discretized_integrated_gradients")


class Scaled(torch.nn.Embedding):
    """Gives its weights three times as large, and notes how many rows it was asked for."""

    def forward(self, ids):
        self.most = max(getattr(self, "most", 0), ids.numel())
        return 3 * super().forward(ids)


def curved(**more):
    weights = torch.randn(4, 5, 3, generator=torch.Generator().manual_seed(1))
    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(2))
    return make_problem(lambda points: torch.einsum("bfd,tfd->bt", points.sin(), weights).tanh(), x, **more)


@pytest.mark.parametrize("method", [smooth_grad, square_grad, var_grad])
def test_noisy_gradients_are_the_same_however_few_targets_are_held_at_once(monkeypatch, method):
    whole = method(curved(seed=3), samples=9)
    monkeypatch.setattr(smooth, "MOST_BYTES", 1)
    found = curved(seed=3, size=2)
    alone = method(found, samples=9)
    assert_close(alone.scores, whole.scores, atol=1e-5, rtol=1e-4)
    assert_close(alone.spread, whole.spread, atol=1e-5, rtol=1e-4)
    assert found.run.backward == 4 * 9


def test_inputs_in_a_batch_want_the_same_targets_and_no_other_gradient_is_computed():
    found, weights, _ = make_linear_problem(targets=3)
    found = change_problem(found, size=4)
    wanted = torch.tensor([[1, 0, 0]] * 5 + [[1, 0, 1]] * 2 + [[0, 1, 0]], dtype=torch.bool)
    sizes = []

    def reduce(gradient):
        sizes.append(len(gradient))
        return gradient

    values, gradients = found.gradients(found.x.repeat(8, 1, 1), reduce, wanted)
    assert values.shape == (8, 3)
    assert sizes == [2, 3, 2, 2, 1]
    assert found.run.backward == int(wanted.sum())
    assert_close(gradients, torch.where(wanted[..., None, None], weights, torch.nan), equal_nan=True)


def test_a_table_that_scales_its_weights_is_never_copied_whole(monkeypatch):
    monkeypatch.setattr(embeddings, "BLOCK", 7)
    monkeypatch.setattr(discretized, "BLOCK", 7)
    table, other = Scaled(40, 3), Scaled(40, 3)
    other.load_state_dict(table.state_dict())
    for module in (table, other):
        module.requires_grad_(False)
    ids = torch.tensor([[5, 1, 39]])
    own = Embedding(ids, (Reader(table, ids[0]),))

    def share():
        return Embedding(torch.cat([ids, ids], dim=1), (*own.readers, Reader(other, ids[0], first=3)))

    assert_close(own.average(), 3 * table.weight.mean(0).expand(3, -1))
    assert share().table == Table((table,))
    other.weight[-1, -1] += 1
    assert share().table is None
    points = torch.randn(5, 3, generator=torch.Generator().manual_seed(4))
    score = lambda points: points.square().sum((1, 2))[:, None]  # noqa: E731
    found, plain = (
        discretized_integrated_gradients(make_problem(score, points, table=words), steps=4, neighbours=5)
        for words in (own.table, 3 * table.weight)
    )
    assert_close(found.scores, plain.scores)
    assert table.most <= 5 * 5
