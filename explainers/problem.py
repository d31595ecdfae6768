"""The interface between tasks and methods: Problem, a score function of embeddings with its input and baseline.

Letters in shapes: B batch size, N inputs, F features, D embedding width, T targets, L layers, H hidden width.
"""

import math
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Protocol

import torch
from torch import Tensor

from .errors import Incompatible
from .models.probes.fences import fence_backward
from .progress import Run
from .request import Pairs, Target
from .results.explanation import Feature, InputLayout, Prediction, Steps


class Points(Protocol):
    """N inputs (N, F, D) or masks (N, F), computed one slice at a time; a Tensor qualifies."""

    def __len__(self) -> int: ...
    def __getitem__(self, rows: slice, /) -> Tensor: ...


class EmbeddingTable(Protocol):
    """The embedding table (V, D) of a vocabulary, rows computed on demand; a Tensor qualifies."""

    def __len__(self) -> int: ...
    def __getitem__(self, ids: slice | Tensor, /) -> Tensor: ...


@dataclass(frozen=True)
class StraightPath:
    """N inputs on the straight line from `start` to `end`, both (1, F, D), at `alphas` (N,) between 0 and 1."""

    start: Tensor
    end: Tensor
    alphas: Tensor

    def __len__(self) -> int:
        return len(self.alphas)

    def __getitem__(self, rows: slice) -> Tensor:
        alphas = self.alphas[rows].to(self.end).reshape(-1, 1, 1)
        return self.start + alphas * (self.end - self.start)  # (B, F, D)


@dataclass(frozen=True)
class MaskedInputs:
    """N inputs: `x` (1, F, D) where `mask` (N, F) is True, `baseline` (1, F, D) elsewhere."""

    x: Tensor
    baseline: Tensor
    mask: Points

    def __len__(self) -> int:
        return len(self.mask)

    def __getitem__(self, rows: slice) -> Tensor:
        return torch.where(self.mask[rows][..., None], self.x, self.baseline)  # (B, F, D)


@dataclass(frozen=True)
class NoisyCopies:
    """`count` copies of `x` (1, F, D) with Gaussian noise of standard deviation `deviation`.

    Each copy has its own seed, so that the noise does not depend on how copies are batched.
    """

    x: Tensor
    deviation: float
    count: int
    seed: int
    first: int = 0  # number of the first copy

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, rows: slice) -> Tensor:
        return torch.cat([self._copy(self.first + i) for i in range(*rows.indices(self.count))])  # (B, F, D)

    def _copy(self, i: int) -> Tensor:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + i)
        return self.x + self.deviation * torch.randn(self.x.shape, generator=generator, dtype=torch.float32).to(self.x)


@dataclass(frozen=True)
class Attribution:
    """The result of a method: scores (T, F), whether each target converged, and whether scores are signed.

    `spread` (T, F) is the standard error of sampled scores, None for methods without sampling.
    """

    scores: Tensor
    converged: tuple[bool, ...] | None = None
    signed: bool = True
    spread: Tensor | None = None


@dataclass(frozen=True)
class EmbeddingLayer:
    """The embedding modules that run, each once, with the ids (1, F) of the features.

    `places` has, for each module, the rows of its output that belong to features, and which features these are.
    `baseline_ids` (1, F) is None if the baseline is not made of ids.
    """

    modules: list[torch.nn.Module]
    places: list[tuple[slice, slice]]
    ids: Tensor
    baseline_ids: Tensor | None
    score: Callable[[Tensor], Tensor]  # ids (B, F) -> (B, T), from the model's own forward pass

    def gather(self, scores: Sequence[Tensor]) -> Tensor:
        """Sum the scores (1, N) of each module's rows by feature, (F,)."""
        total = scores[0].new_zeros(self.ids.shape[-1])
        for (rows, features), own in zip(self.places, scores, strict=True):
            total[features] += own[0, rows]
        return total


@dataclass(frozen=True, eq=False)
class Internals:
    """The parts inside the model that methods use; None where missing, with the cause in `reasons`.

    Texts: `layer`; `table` (V, D), the embedding table that `x` is made of; `hidden(i)`, the states (1, F, H) after
    layer i (0: input of the first layer, -1: last layer) with the gradients (T, F, H) of the scores, and
    `hidden(i, other)`, the states for `other` (1, F, D) without gradients, (0, F, H); `attentions()`, the weights
    (L, heads, F, F); `zeroing(batch)`, how far each token's state moves in each layer if the value vectors of another
    token are zeroed, (L, F, F), computed for `batch` tokens at a time.
    Images: `conv`, the module that computes the last convolutional map (1, K, h, w); `attentions()`
    (L, heads, N, N), whose last tokens are the `patches` (rows, columns).
    Both: `activations`, the modules of activation functions and max pooling.
    Generated text: `read_at` (T,), the feature whose state predicts each target; `fill(count, generator)`, the ids
    (count, F) of other tokens, drawn from what the model predicts in each place after the text before it. The first
    `encoder_layers` of `attentions` and `zeroing` belong to an encoder in front of a decoder.
    """

    layer: EmbeddingLayer | None = None
    table: EmbeddingTable | None = None
    hidden: Callable[..., tuple[Tensor, Tensor]] | None = None
    attentions: Callable[[], Tensor] | None = None
    zeroing: Callable[[int], Tensor] | None = None
    conv: torch.nn.Module | None = None
    patches: tuple[int, int] | None = None
    activations: tuple[torch.nn.Module, ...] = ()
    read_at: Tensor | None = None
    fill: Callable[[int, torch.Generator], Tensor] | None = None
    encoder_layers: int = 0
    reasons: Pairs = ()


@dataclass(frozen=True)
class Batching:
    """Batch size, the largest one allowed, and the number of gradients per backward pass."""

    size: int = 16
    limit: int = 64
    gradients: int = 1  # counted over inputs and targets


@dataclass(frozen=True, eq=False)
class IdBaseline:
    """A baseline that is made of ids, for comparison with the model's own forward pass on these ids.

    `read` returns its scores (T,) from that pass; `read_in_place` from one in which each token is told the position
    that it has in the text, None if the model cannot be told. `on_ids` changes the Problem to one whose `x` and
    `baseline` are ids (1, F, 1), so that every perturbation is a forward pass on ids. `others` changes it to other
    baselines, by description, best first. `kind` says what is replaced by what; if it is in `proven`, the comparison
    was made before and need not be made again. `proven` is None for a model that may change meanwhile.
    """

    kind: Hashable
    proven: set[Hashable] | None
    read: Callable[[], Tensor]
    read_in_place: Callable[[], Tensor | None]
    on_ids: Callable[["Problem"], "Problem"]
    others: Callable[["Problem"], Iterator[tuple[str, "Problem"]]]


@dataclass(frozen=True, eq=False)
class Problem:
    """What a method explains: F features with embeddings `x` (1, F, D), and a score function (B, F, D) -> (B, T).

    `deployed` (T,) are the scores of the model's own forward pass, with nothing substituted. `visible` (T, F) is True
    where a target can depend on a feature, None for everywhere. `steps` are those of Explanation. `id_baseline` is
    None if `baseline` is not made of ids, or `x` is.
    """

    features: Sequence[Feature]
    targets: tuple[Target, ...]
    prediction: Prediction
    unit: str
    x: Tensor
    baseline: Tensor
    score: Callable[[Tensor], Tensor]
    deployed: Tensor
    visible: Tensor | None = None
    id_baseline: IdBaseline | None = None
    steps: Steps = ()
    layout: InputLayout = field(default_factory=InputLayout)
    internals: Internals = Internals()
    batching: Batching = Batching()
    seed: int = 0
    run: Run = field(default_factory=Run)

    def find(self, need: str) -> object:
        """Return the attribute named in a method's `needs`, of the Problem or its internals; None if missing."""
        if need in dict(self.internals.reasons):
            return None
        return getattr(self.internals if need in Internals.__dataclass_fields__ else self, need)

    @property
    def generator(self) -> torch.Generator:
        """A new random generator, seeded by the request."""
        return torch.Generator(device=self.x.device).manual_seed(self.seed)

    def values(self, points: Points) -> Tensor:
        """Compute the scores of N inputs, (N, T), without gradients."""
        self.run.expect(len(points))
        return torch.cat([self._evaluate(points[rows]) for rows in self._split_batches(len(points))])

    def _evaluate(self, batch: Tensor) -> Tensor:
        with torch.no_grad():
            values = self.score(batch)  # (B, T)
        self.run.spend(len(batch))
        return values

    def gradients(
        self,
        points: Points,
        reduce: Callable[[Tensor], Tensor],
        wanted: Tensor | None = None,
        along: Points | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Compute scores (N, T) and gradients of N inputs; `reduce` maps gradients (B, F, D) to (B, …): (N, T, …).

        With `along` (N, F, D), each gradient is first multiplied by its input's direction. One forward pass serves
        all T targets; each target has its own backward pass. `wanted` (N, T) selects targets per input: other
        gradients are not computed and are NaN. A batch holds neighbouring inputs with the same targets.
        """
        self.run.expect(len(points))
        wanted = torch.ones(len(points), len(self.targets), dtype=torch.bool) if wanted is None else wanted
        parts = [
            self._differentiate(points[rows], reduce, wanted[rows.start], None if along is None else along[rows])
            for rows in self._split_by_targets(wanted)
        ]
        values, reduced = zip(*parts, strict=True)
        return torch.cat(values), torch.cat(reduced)

    def _differentiate(
        self, batch: Tensor, reduce: Callable[[Tensor], Tensor], wanted: Tensor, along: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        with torch.enable_grad():
            batch = batch.detach().requires_grad_()
            values = self.score(batch)  # (B, T)
            if not values.requires_grad:
                raise Incompatible(
                    f"This score ({self.unit}) has no gradient. Choose a method that does not use gradients."
                )
            self.run.spend(len(batch))
            groups = torch.split(wanted.nonzero().flatten(), max(1, self.batching.gradients // len(batch)))
            reduced: dict[int, Tensor] = {}
            for group in groups:
                retain = group is not groups[-1]
                for target, gradient in zip(
                    group.tolist(), self._backpropagate(values[:, group].sum(0), batch, retain), strict=True
                ):  # the gradients are not bound to a name, which would keep them beside those of the next group
                    reduced[target] = reduce(gradient if along is None else gradient * along)
        missing = torch.full_like(next(iter(reduced.values())), torch.nan)
        return values.detach(), torch.stack([reduced.get(t, missing) for t in range(len(wanted))], dim=1)

    def _backpropagate(self, sums: Tensor, batch: Tensor, retain: bool) -> Tensor:
        """Compute the gradients (G, B, F, D) of G sums in one backward pass, which takes G times the memory."""
        with fence_backward():
            if len(sums) == 1:
                gradient = torch.autograd.grad(sums[0], batch, retain_graph=retain, materialize_grads=True)[0][None]
            else:
                one_hot = torch.eye(len(sums)).to(sums)
                gradient = torch.autograd.grad(sums, batch, one_hot, retain_graph=retain, is_grads_batched=True)[0]
        self.run.spend(0, len(sums) * len(batch))
        return gradient

    def keep(self, mask: Points) -> Tensor:
        """Compute scores (N, T) with the features where `mask` (N, F) is True, the others at the baseline."""
        return self.values(MaskedInputs(self.x, self.baseline, mask))  # (N, F, D) -> (N, T)

    def spread_over_channels(self, maps: Tensor) -> Tensor:
        """Return the scores (T, F) of heatmaps (T, rows, columns); the channels of a pixel share its value equally."""
        channels = len(self.features) // maps[0].numel()
        return (maps / channels).flatten(1).repeat(1, channels)

    def select_targets(self, rows: slice) -> "Problem":
        """Return the Problem with some of its targets, for methods that need too much memory for all at once."""
        return replace(
            self, targets=self.targets[rows], deployed=self.deployed[rows], score=lambda x: self.score(x)[:, rows]
        )

    def _split_batches(self, count: int) -> list[slice]:
        return [slice(first, first + self.batching.size) for first in range(0, count, self.batching.size)]

    def _split_by_targets(self, wanted: Tensor) -> list[slice]:
        """Split N inputs into batches of about equal size, each of neighbours with the same targets in `wanted`."""
        changes = ((wanted[1:] != wanted[:-1]).any(1).nonzero().flatten() + 1).tolist()
        edges = [0, *changes, len(wanted)]
        starts = [
            first + round((end - first) * part / parts)
            for first, end in pairwise(edges)
            for parts in [math.ceil((end - first) / self.batching.size)]
            for part in range(parts)
        ]
        return [slice(first, end) for first, end in pairwise([*starts, len(wanted)])]
