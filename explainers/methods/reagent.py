"""ReAGent: replace random tokens by others, and credit those whose replacement lowers the probability.

As in Inseq, but for three things. Replacements come from the explained model itself where it predicts next tokens, not
from a second model or a part-of-speech tagger. The number of steps is fixed: a search that stops once the strongest
tokens alone bring the target to the top would look at ranks, which only some tasks have. Scores start equal, not at
random.
Letters in shapes: P probes, S steps.
"""

from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor

from ..errors import BadRequest, Incompatible
from ..problem import Attribution, EmbeddingTable, Problem
from ..registry import Range, method
from .standard_error import estimate_mean, estimate_with_error

LARGEST_CHANGE = 1 - 1e-6  # of a probability; the log-odds of 1 are infinite
RANDOM_TOKENS = (
    "Replacements are drawn from the whole vocabulary, all tokens equally likely: for this task, the model has no "
    "probabilities of other tokens in the same place."
)


@method("ReAGent", paper="Zhao & Shan 2024, arXiv:2402.00794", needs=("table",))
def reagent(
    problem: Problem,
    *,
    probes: Annotated[int, Range(2, 500), "Number of independent repetitions, which are averaged."] = 12,
    steps: Annotated[int, Range(1, 1_000), "Number of random replacements that each repetition learns from."] = 10,
    ratio: Annotated[float, Range(0.05, 0.95), "Probability that a token is replaced in a step."] = 0.3,
) -> Attribution:
    """Replace random tokens by others that fit, and credit those whose replacement makes the prediction less probable.

    Each step replaces tokens and measures the fall d of the probability; the replaced ones gain log((1 + d) / (1 - d)),
    the others lose as much. The softmax of the sums, averaged over repetitions: (T, F), shares of 1 without a sign.
    """
    table = problem.internals.table
    if table is None:
        raise Incompatible("ReAGent needs an embedding table, which this model does not have.")
    if problem.unit != "probability":
        raise BadRequest(
            f"ReAGent compares probabilities, and the number to explain is {problem.unit.replace('_', ' ')!r}. Choose "
            "the unit probability and no contrast."
        )
    count, features = probes * steps, len(problem.features)
    problem.run.expect(1 + count)
    generator = problem.generator
    ordinary = torch.tensor([not feature.special for feature in problem.features])
    replaced = (torch.rand(count, features, generator=generator, device=generator.device) < ratio).cpu() & ordinary
    if problem.internals.fill is None:
        problem.run.notices.append(RANDOM_TOKENS)
        ids = torch.randint(len(table), (count, features), generator=generator, device=generator.device)
    else:
        ids = problem.internals.fill(count, generator)
    values = problem.values(ReplacedTokens(problem.x, table, ids, replaced))  # (P · S, T)
    falls = (problem.values(problem.x) - values).clamp(-LARGEST_CHANGE, LARGEST_CHANGE).cpu()
    gains = 2 * torch.atanh(falls.double()).reshape(probes, steps, -1)  # (P, S, T)
    signs = torch.where(replaced, 1.0, -1.0).double().reshape(probes, steps, features)
    sums = torch.einsum("pst,psf->ptf", gains, signs)  # (P, T, F)
    counted = ordinary if problem.visible is None else ordinary & problem.visible
    shares = sums.masked_fill(~counted, -torch.inf).softmax(-1).nan_to_num(0.0).float()
    scores, spread = estimate_with_error(estimate_mean, shares)
    return Attribution(scores, signed=False, spread=spread)


@dataclass(frozen=True)
class ReplacedTokens:
    """N inputs: the embeddings of `ids` (N, F) where `replaced` (N, F) is True, `x` (1, F, D) elsewhere."""

    x: Tensor
    table: EmbeddingTable
    ids: Tensor
    replaced: Tensor

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, rows: slice) -> Tensor:
        others = self.table[self.ids[rows]].to(self.x)  # (B, F, D)
        return torch.where(self.replaced[rows][..., None], others, self.x)
