"""A Problem: the one shape in which every method meets every task, a function from embeddings to numbers.

Knows no tokenizer, no task and no Streamlit. Letters: B inputs in a batch, F features, D width, T targets.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Protocol

import torch
from torch import Tensor

from .data import Feature, Prediction, Progress, Segments, Steps
from .errors import Incompatible, LimitReached, Overdue
from .request import Pairs, Target


class Points(Protocol):
    """N inputs (N, F, D) or masks (N, F), made when they are needed: a Tensor is one, a Path another."""

    def __len__(self) -> int: ...
    def __getitem__(self, rows: slice, /) -> Tensor: ...


class Words(Protocol):
    """The embeddings (N, D) of some words of a vocabulary, made when they are needed: a Tensor (V, D) is one."""

    def __len__(self) -> int: ...
    def __getitem__(self, ids: slice | Tensor, /) -> Tensor: ...


@dataclass(frozen=True)
class Path:
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
class Kept:
    """The inputs in which only the features of `mask` (N, F) are those of `x`, the others those of `baseline`."""

    x: Tensor
    baseline: Tensor
    mask: Points

    def __len__(self) -> int:
        return len(self.mask)

    def __getitem__(self, rows: slice) -> Tensor:
        return torch.where(self.mask[rows][..., None], self.x, self.baseline)  # (B, F, D)


@dataclass(frozen=True)
class Noisy:
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


@dataclass
class Run:
    """What one explanation has cost so far, where it tells of its progress, and when it must stop."""

    most_passes: int = 1_000_000
    deadline: float = float("inf")  # of time.monotonic()
    progress: Progress | None = None
    forward: int = 0
    backward: int = 0
    expected: int = 0
    notices: list[str] = field(default_factory=list)

    def expect(self, passes: int) -> None:
        """Announce work. Raises LimitReached when it would be more than allowed."""
        needed = self.forward + passes
        self.expected = max(self.expected, needed)
        if needed > self.most_passes:
            raise LimitReached(
                f"This needs {needed:,} passes through the model, and at most {self.most_passes:,} are "
                "allowed here. Ask for fewer samples or steps, or a shorter text."
            )

    def spend(self, forward: int, backward: int = 0) -> None:
        """Count work that was done; here a cancelled or overdue run stops."""
        self.forward += forward
        self.backward += backward
        if time.monotonic() > self.deadline:
            raise Overdue(f"Stopped after {self.forward:,} passes: the time for one explanation is over.")
        if self.progress:
            self.progress(f"{self.forward} passes through the model", self.forward / max(self.expected, self.forward))


@dataclass(frozen=True)
class Attribution:
    """What a method returns: scores (T, F), what it knows of their convergence, and whether signs mean something.

    `spread` (T, F) is the standard error of scores that came by chance, None where nothing was drawn.
    """

    scores: Tensor
    converged: tuple[bool, ...] | None = None
    signed: bool = True
    spread: Tensor | None = None


@dataclass(frozen=True)
class Layer:
    """The embedding module that really runs, the ids it is given (1, F), and those of the baseline, if ids make it."""

    module: torch.nn.Module
    ids: Tensor
    baseline_ids: Tensor | None
    score: Callable[[Tensor], Tensor]  # ids (B, F) -> (B, T), by the model's own forward


@dataclass(frozen=True, eq=False)
class Problem:
    """F features with embeddings `x` (1, F, D), and `score`, which turns embeddings into T numbers.

    `deployed` (T,) are the same numbers from the model's own forward pass with nothing substituted. `batch` is how
    many inputs are evaluated at once, `together` the most that the model takes, and `abreast` how many gradients are
    computed at once, of one target at each input or of several. `visible` (T, F) says which features
    a target can depend on, None for all; `texts` are those that the features lie in, if they are not the request's.
    Of a text, `ids` (1, F) are the rows of `table` (V, D) that `x` is made of.
    Of one text that the model reads at once, `attentions` gives the weights (L, heads, F, F) of all layers, `hidden`
    the states (1, F, H) after a layer, 0 for what goes into the first and -1 for the last, with the gradients
    (T, F, H) of the scores, and `zeroing` how far each layer's states move, (L, F, F) by the token that moves and
    the one whose values are zeroed there, so many at a time.
    `steps`, `segments`, and of an image `grid` and `frame` are as in Explanation; `conv` is the module that makes
    the last convolutional map (1, K, h, w), `attentions` the weights (L, heads, N, N) of all layers, the last
    tokens being `patches`. `told_at` (T,) is the feature that each target is read from, if it is one alone, and the
    first `reading_layers` of attention and zeroing are those of a half that reads and never writes. What is None and
    might be there has its reason in `reasons`, by name.
    """

    features: Sequence[Feature]
    targets: tuple[Target, ...]
    prediction: Prediction
    unit: str
    x: Tensor
    baseline: Tensor
    score: Callable[[Tensor], Tensor]
    deployed: Tensor
    batch: int = 16
    together: int = 64
    abreast: int = 1
    visible: Tensor | None = None
    texts: Pairs = ()
    steps: Steps = ()
    segments: Segments = ()
    grid: tuple[int, int] | None = None
    frame: tuple[float, float, float, float] | None = None
    patches: tuple[int, int] | None = None
    seed: int = 0
    run: Run = field(default_factory=Run)
    layer: Layer | None = None
    hidden: Callable[[int], tuple[Tensor, Tensor]] | None = None
    zeroing: Callable[[int], Tensor] | None = None
    conv: torch.nn.Module | None = None
    attentions: Callable[[], Tensor] | None = None
    told_at: Tensor | None = None
    reading_layers: int = 0
    ids: Tensor | None = None
    table: Words | None = None
    reasons: Pairs = ()

    @property
    def generator(self) -> torch.Generator:
        """A fresh source of randomness, the same for the same request."""
        return torch.Generator(device=self.x.device).manual_seed(self.seed)

    def values(self, points: Points) -> Tensor:
        """The scores of N inputs, (N, T), without gradients."""
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
        """Scores (N, T) of N inputs, and what `reduce` makes of each gradient (B, F, D): (N, T, …).

        Each gradient is first multiplied with its input's own direction in `along` (N, F, D), if that is given.
        One forward pass serves all T targets; the backward passes are one a target. Of the targets that are not
        `wanted` (N, T) at an input the gradient is left out, and is NaN: inputs in a batch want the same, so those
        that do should stand together.
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
            groups = torch.split(wanted.nonzero().flatten(), max(1, self.abreast // len(batch)))
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
        """Scores (N, T) with only the features of `mask` (N, F) as they are, the others at the baseline."""
        return self.values(Kept(self.x, self.baseline, mask))  # (N, F, D) -> (N, T)

    def painted(self, maps: Tensor) -> Tensor:
        """Maps of an image (T, rows, columns) as scores (T, F): the channels of a pixel share its value equally."""
        channels = len(self.features) // maps[0].numel()
        return (maps / channels).flatten(1).repeat(1, channels)

    def among(self, rows: slice) -> "Problem":
        """The same for some of the targets alone, for what cannot be kept of all of them at once."""
        return replace(
            self, targets=self.targets[rows], deployed=self.deployed[rows], score=lambda x: self.score(x)[:, rows]
        )

    def _batches(self, points: Points) -> list[slice]:
        return [slice(first, first + self.batch) for first in range(0, len(points), self.batch)]

    def _alike(self, wanted: Tensor) -> list[slice]:
        """Batches, as even as can be, of inputs that stand together and want the same targets."""
        changes = ((wanted[1:] != wanted[:-1]).any(1).nonzero().flatten() + 1).tolist()
        edges = [0, *changes, len(wanted)]
        cuts = [
            first + round((end - first) * part / parts)
            for first, end in pairwise(edges)
            for parts in [math.ceil((end - first) / self.batch)]
            for part in range(parts)
        ]
        return [slice(first, end) for first, end in pairwise([*cuts, len(wanted)])]
