"""The Problem, what a method may see of a task and a model: a function from embeddings to numbers.

Letters: B inputs in a batch, F features, D width, T targets, L layers, H width of a hidden state.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Protocol

import torch
from torch import Tensor

from .errors import Incompatible
from .progress import Run
from .request import Pairs, Target
from .results.explanation import Feature, InputLayout, Prediction, Steps


class Points(Protocol):
    """N inputs (N, F, D) or masks (N, F), computed when they are needed; a Tensor is one."""

    def __len__(self) -> int: ...
    def __getitem__(self, rows: slice, /) -> Tensor: ...


class EmbeddingTable(Protocol):
    """The embedding table (V, D) of a vocabulary, its rows computed when they are needed; a Tensor is one."""

    def __len__(self) -> int: ...
    def __getitem__(self, ids: slice | Tensor, /) -> Tensor: ...


@dataclass(frozen=True)
class StraightPath:
    """The inputs on the straight line from `start` to `end`, both (1, F, D), at `alphas` (N,)."""

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
    """The inputs in which only the features of `mask` (N, F) are those of `x`, the others those of `baseline`."""

    x: Tensor
    baseline: Tensor
    mask: Points

    def __len__(self) -> int:
        return len(self.mask)

    def __getitem__(self, rows: slice) -> Tensor:
        return torch.where(self.mask[rows][..., None], self.x, self.baseline)  # (B, F, D)


@dataclass(frozen=True)
class NoisyCopies:
    """`count` copies of `x` (1, F, D) with Gaussian noise, each from its own seed, so that batches do not matter."""

    x: Tensor
    deviation: float
    count: int
    seed: int
    first: int = 0  # the number of the first copy

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, rows: slice) -> Tensor:
        return torch.cat([self._copy(self.first + i) for i in range(*rows.indices(self.count))])  # (B, F, D)

    def _copy(self, i: int) -> Tensor:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + i)
        return self.x + self.deviation * torch.randn(self.x.shape, generator=generator).to(self.x)


@dataclass(frozen=True)
class Attribution:
    """What a method returns: scores (T, F), whether each target converged, and whether signs mean anything.

    `spread` (T, F) is the standard error of sampled scores, None where nothing was sampled.
    """

    scores: Tensor
    converged: tuple[bool, ...] | None = None
    signed: bool = True
    spread: Tensor | None = None


@dataclass(frozen=True)
class EmbeddingLayer:
    """The embedding module that runs, the ids that it reads (1, F), and those of the baseline if ids make it."""

    module: torch.nn.Module
    ids: Tensor
    baseline_ids: Tensor | None
    score: Callable[[Tensor], Tensor]  # ids (B, F) -> (B, T), by the model's own forward


@dataclass(frozen=True, eq=False)
class Internals:
    """What a model shows of its inside for one input: each is None where it does not, for the reason in `reasons`.

    Of a text: `layer`; `table` (V, D), whose rows make `x`; `hidden`, the states (1, F, H) after a layer, 0 for the
    input of the first and -1 for the last, with the gradients (T, F, H) of the scores; `attentions`, the weights
    (L, heads, F, F) of all layers; `zeroing`, how far the state of each token moves in each layer if the values of
    another one are zeroed, (L, F, F), computed for so many tokens at a time.
    Of an image: `conv`, the module that makes the last convolutional map (1, K, h, w); `attentions`
    (L, heads, N, N), the last of whose tokens are `patches` (rows, columns).
    Of written text: `read_at` (T,), the feature that each target is read from; the first `encoder_layers` of
    `attentions` and `zeroing` are those of an encoder that has a decoder behind it.
    """

    layer: EmbeddingLayer | None = None
    table: EmbeddingTable | None = None
    hidden: Callable[[int], tuple[Tensor, Tensor]] | None = None
    attentions: Callable[[], Tensor] | None = None
    zeroing: Callable[[int], Tensor] | None = None
    conv: torch.nn.Module | None = None
    patches: tuple[int, int] | None = None
    read_at: Tensor | None = None
    encoder_layers: int = 0
    reasons: Pairs = ()


@dataclass(frozen=True)
class Batching:
    """How many inputs are evaluated at once, the most that the model takes, and how many gradients at once."""

    size: int = 16
    limit: int = 64
    gradients: int = 1  # of one target at each input, or of several


@dataclass(frozen=True, eq=False)
class Problem:
    """F features with embeddings `x` (1, F, D), and `score`, which turns embeddings into T numbers.

    `deployed` (T,) are the same numbers from the model's own forward pass with nothing substituted. `visible` (T, F)
    says which features a target can depend on, None for all; `steps` are as in Explanation.
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
    steps: Steps = ()
    layout: InputLayout = field(default_factory=InputLayout)
    internals: Internals = Internals()
    batching: Batching = Batching()
    seed: int = 0
    run: Run = field(default_factory=Run)

    def part(self, need: str) -> object:
        """The attribute, of the Problem or of its internals, that a method's `needs` name; None if it is missing."""
        return getattr(self.internals if need in Internals.__dataclass_fields__ else self, need)

    @property
    def generator(self) -> torch.Generator:
        """A new generator, seeded by the request."""
        return torch.Generator(device=self.x.device).manual_seed(self.seed)

    def values(self, points: Points) -> Tensor:
        """Compute the scores of N inputs, (N, T), without gradients."""
        self.run.expect(len(points))
        return torch.cat([self._values(points[rows]) for rows in self._batches(points)])

    def _values(self, batch: Tensor) -> Tensor:
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
        """Compute scores (N, T) of N inputs, and apply `reduce` to each gradient (B, F, D): (N, T, …).

        Each gradient is first multiplied by its input's direction in `along` (N, F, D), if that is given. One forward
        pass serves all T targets; each target has its own backward pass. Gradients of targets that are not `wanted`
        (N, T) at an input are not computed and are NaN; a batch holds neighbours that want the same targets.
        """
        self.run.expect(len(points))
        wanted = torch.ones(len(points), len(self.targets), dtype=torch.bool) if wanted is None else wanted
        parts = [
            self._gradients(points[rows], reduce, wanted[rows.start], None if along is None else along[rows])
            for rows in self._alike(wanted)
        ]
        values, reduced = zip(*parts, strict=True)
        return torch.cat(values), torch.cat(reduced)

    def _gradients(
        self, batch: Tensor, reduce: Callable[[Tensor], Tensor], wanted: Tensor, along: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        with torch.enable_grad():
            batch = batch.detach().requires_grad_()
            values = self.score(batch)  # (B, T)
            if not values.requires_grad:
                raise Incompatible(f"This number ({self.unit}) has no gradient. Choose a method that needs none.")
            self.run.spend(len(batch))
            groups = torch.split(wanted.nonzero().flatten(), max(1, self.batching.gradients // len(batch)))
            found = {
                t: reduce(gradient if along is None else gradient * along)
                for group in groups
                for t, gradient in zip(
                    group.tolist(), self._gradient(values[:, group].sum(0), batch, group is not groups[-1]), strict=True
                )
            }
        nothing = torch.full_like(next(iter(found.values())), torch.nan)
        return values.detach(), torch.stack([found.get(t, nothing) for t in range(len(wanted))], dim=1)

    def _gradient(self, sums: Tensor, batch: Tensor, again: bool) -> Tensor:
        """The gradients of G numbers, (G, B, F, D), from one backward pass that is G times as large."""
        if len(sums) == 1:
            gradient = torch.autograd.grad(sums[0], batch, retain_graph=again, materialize_grads=True)[0][None]
        else:
            each = torch.eye(len(sums)).to(sums)
            gradient = torch.autograd.grad(sums, batch, each, retain_graph=again, is_grads_batched=True)[0]
        self.run.spend(0, len(sums) * len(batch))
        return gradient

    def keep(self, mask: Points) -> Tensor:
        """Compute scores (N, T) with the features of `mask` (N, F) as they are and the others at the baseline."""
        return self.values(MaskedInputs(self.x, self.baseline, mask))  # (N, F, D) -> (N, T)

    def painted(self, maps: Tensor) -> Tensor:
        """Turn maps of an image (T, rows, columns) into scores (T, F): the channels of a pixel share equally."""
        channels = len(self.features) // maps[0].numel()
        return (maps / channels).flatten(1).repeat(1, channels)

    def among(self, rows: slice) -> "Problem":
        """The Problem with some of its targets, for methods that hold too much in memory for all at once."""
        return replace(
            self, targets=self.targets[rows], deployed=self.deployed[rows], score=lambda x: self.score(x)[:, rows]
        )

    def _batches(self, points: Points) -> list[slice]:
        return [slice(first, first + self.batching.size) for first in range(0, len(points), self.batching.size)]

    def _alike(self, wanted: Tensor) -> list[slice]:
        """Batches, as even as possible, of neighbouring inputs that want the same targets."""
        changes = ((wanted[1:] != wanted[:-1]).any(1).nonzero().flatten() + 1).tolist()
        edges = [0, *changes, len(wanted)]
        cuts = [
            first + round((end - first) * part / parts)
            for first, end in pairwise(edges)
            for parts in [math.ceil((end - first) / self.batching.size)]
            for part in range(parts)
        ]
        return [slice(first, end) for first, end in pairwise([*cuts, len(wanted)])]
