"""Captum's methods on our seam: time, passes, reproducibility. `python -m bench.captum` prints three Markdown tables.

The first is of the methods that run through Captum: their time over that of the same passes in full batches, with
nothing else done. The second is of those that stay ours: Captum's own class, which is called once for each target,
beside our function with as many samples. The third is of the metric infidelity.
"""

import argparse
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from statistics import median

import captum.attr as attr
import captum.metrics
import numpy as np
import torch
from torch import Tensor

from bench.report import format_table
from explainers import CARDS, Bundle, Request
from explainers.evaluation.infidelity import draw_masks, infidelity
from explainers.evaluation.perturbation import make_test
from explainers.loading import load
from explainers.methods.feature_groups import GroupMasks, group_features
from explainers.methods.gradient_shap import gradient_shap
from explainers.methods.gradients import input_x_gradient, saliency
from explainers.methods.layer_gradient import layer_gradient_x_activation
from explainers.methods.lime import lime
from explainers.methods.noise_tunnel import noise_tunnel
from explainers.methods.occlusion import occlusion
from explainers.methods.shapley import kernel_shap, shapley_value_sampling
from explainers.methods.smooth_grad import smooth_grad
from explainers.problem import Attribution, Problem
from explainers.progress import Run
from explainers.tasks import TASKS
from tests.support.sentences import SENTENCES

TOKENS, TARGETS = (8, 20, 120), (1, 3)
DRAWS = 16  # noisy copies or random points
COPIES, STEPS = 3, 5  # of integrated gradients in a noise tunnel
Ours = Callable[[Problem], Attribution]
Theirs = Callable[[Problem, Bundle, int], Tensor]
"""Captum's scores (F,) of one target."""

SAMPLES = 64
THROUGH: dict[str, Callable[[int], tuple[Ours, int]]] = {  # by the number of pieces: the method and its passes
    "Occlusion (FeatureAblation)": lambda pieces: (occlusion, 1 + pieces),
    f"LIME (LimeBase), {SAMPLES} samples": lambda pieces: (partial(lime, samples=SAMPLES), SAMPLES),
    f"KernelSHAP (LimeBase), {SAMPLES} samples": lambda pieces: (
        partial(kernel_shap, samples=SAMPLES),
        2 + min(SAMPLES, 2**pieces - 2),
    ),
    "Shapley value sampling, 24 orders (from 12 words: 4, from 50: 1)": lambda pieces: (
        partial(shapley_value_sampling, orders=orders(pieces)),
        2 + 2 * orders(pieces) * (pieces - 1),
    ),
}


def orders(pieces: int) -> int:
    """Choose the number of orders: the default of the method where it takes seconds, fewer for long texts."""
    return 1 if pieces >= 50 else 4 if pieces >= 12 else 24


def saliency_of(problem: Problem, _: Bundle, target: int) -> Tensor:
    """The length of the gradient."""
    return attr.Saliency(problem.score).attribute(problem.x, target=target, abs=False)[0].norm(dim=-1)


def input_x_gradient_of(problem: Problem, _: Bundle, target: int) -> Tensor:
    """Gradient times input."""
    return attr.InputXGradient(problem.score).attribute(leaf(problem), target=target).sum(-1)[0]


def smooth_grad_of(problem: Problem, _: Bundle, target: int) -> Tensor:
    """The length of the mean gradient of noisy copies."""
    tunnel = attr.NoiseTunnel(attr.Saliency(problem.score))
    options = {
        "nt_samples": DRAWS,
        "nt_samples_batch_size": min(DRAWS, problem.batching.size),
        "stdevs": deviation(problem),
    }
    return tunnel.attribute(leaf(problem), target=target, abs=False, **options)[0].norm(dim=-1)


def noise_tunnel_of(problem: Problem, _: Bundle, target: int) -> Tensor:
    """Integrated gradients of noisy copies, their mean."""
    options = {"nt_samples": COPIES, "nt_samples_batch_size": 1, "stdevs": deviation(problem)}
    steps = {"n_steps": STEPS, "internal_batch_size": problem.batching.size, "baselines": problem.baseline}
    tunnel = attr.NoiseTunnel(attr.IntegratedGradients(problem.score))
    return tunnel.attribute(leaf(problem), target=target, **options, **steps).sum(-1)[0]


def gradient_shap_of(problem: Problem, _: Bundle, target: int) -> Tensor:
    """Gradients at random points; Captum takes all of them in one batch."""
    shap = attr.GradientShap(problem.score)
    options = {"n_samples": DRAWS, "stdevs": deviation(problem)}
    return shap.attribute(leaf(problem), problem.baseline, target=target, **options).sum(-1)[0]


def layer_gradient_of(problem: Problem, bundle: Bundle, target: int) -> Tensor:
    """Gradient times the states after the first layer."""
    layer = next(module for name, module in bundle.model.named_modules() if name.endswith("encoder.layer.0"))
    found = attr.LayerGradientXActivation(problem.score, layer).attribute(leaf(problem), target=target)
    return (found[0] if isinstance(found, tuple) else found).sum(-1)[0]


OWN: dict[str, tuple[Ours, Theirs]] = {
    "Saliency": (saliency, saliency_of),
    "Input × gradient": (input_x_gradient, input_x_gradient_of),
    f"SmoothGrad, {DRAWS} copies": (partial(smooth_grad, samples=DRAWS), smooth_grad_of),
    f"Noise tunnel, {COPIES} copies, {STEPS} steps": (
        partial(noise_tunnel, samples=COPIES, steps=STEPS),
        noise_tunnel_of,
    ),
    f"GradientSHAP, {DRAWS} points": (partial(gradient_shap, samples=DRAWS), gradient_shap_of),
    "Layer gradient × activation": (layer_gradient_x_activation, layer_gradient_of),
}


@dataclass
class Counted:
    """A score function that counts the inputs it evaluates."""

    problem: Problem
    rows: int = 0

    def __call__(self, points: Tensor) -> Tensor:
        """Evaluate the points (B, F, D)."""
        self.rows += len(points)
        return self.problem.score(points)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.captum")
    parser.add_argument("--threads", type=int, default=1, help="torch threads (default: 1)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each pair is timed (default: 3)")
    parser.add_argument("--tokens", type=int, nargs="+", default=TOKENS, help="lengths of the texts")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    bundle = load(CARDS["emotions"])
    cases = [(tokens, targets) for tokens in options.tokens for targets in TARGETS]
    problems = [encode(bundle, *case) for case in cases]
    head = tuple(f"{tokens} tokens, T = {targets}" for tokens, targets in cases)
    lines = [
        (name, *(through(ours, problem, options.rounds) for problem in problems)) for name, ours in THROUGH.items()
    ]
    print(format_table(("time over its passes alone", *head), lines))
    lines = [
        (
            name,
            *(beside(ours, theirs, problem, bundle, options.rounds) for problem in problems),
            *map(str, passes(ours, partial(every, theirs, bundle), problems[-1])),
            "yes" if reproducible(partial(every, theirs, bundle), problems[0]) else "no",
        )
        for name, (ours, theirs) in OWN.items()
    ]
    more = ("passes, T = 3: ours", "Captum's", "Captum's the same beside another thread")
    print(format_table(("Captum's time over ours", *head, *more), lines), flush=True)
    head = ("infidelity of an occlusion map, 20 tokens", "ours", "Captum's, normalised")
    print(format_table(head, infidelities(encode(bundle, 20, 1))))


def encode(bundle: Bundle, tokens: int, targets: int) -> Problem:
    """Encode a text of about so many tokens, explained for so many labels."""
    words = " ".join(SENTENCES).split()
    request = Request("multi_label_classification", "emotions", {"text": ""}, params={"labels": targets})
    for count in range(1, len(words)):
        problem = TASKS[request.task].encode(bundle, replace(request, inputs={"text": " ".join(words[:count])}), Run())
        if len(problem.features) >= tokens:
            break
    return problem


def through(method: Callable[[int], tuple[Ours, int]], problem: Problem, rounds: int) -> str:
    """Time a method beside as many passes as it has samples, in full batches and with nothing else done."""
    groups = group_features(problem)
    count = int(groups.max()) + 1
    ours, samples = method(count)
    masks = torch.rand(samples, count, generator=problem.generator) < 0.5
    pairs = [
        seconds(lambda: ours(fresh(problem))) / seconds(lambda: fresh(problem).keep(GroupMasks(groups, masks)))
        for _ in range(rounds)
    ]
    return f"{median(pairs):.2f}"


def beside(ours: Ours, theirs: Theirs, problem: Problem, bundle: Bundle, rounds: int) -> str:
    """Time Captum's class beside our function."""
    pairs = [
        seconds(lambda: every(theirs, bundle, problem)) / seconds(lambda: ours(fresh(problem))) for _ in range(rounds)
    ]
    return f"{median(pairs):.2f}"


def every(theirs: Theirs, bundle: Bundle, problem: Problem) -> Tensor:
    """Run Captum's class for each target, (T, F)."""
    return torch.stack([theirs(problem, bundle, target) for target in range(len(problem.targets))])


def infidelities(problem: Problem) -> list[tuple[str, ...]]:
    """Measure a map and the same with its signs turned; Captum's error is divided by the mean squared fall, as ours."""
    groups, scores = group_features(problem), occlusion(problem).scores[0]
    lines = []
    for name, signed in (("as it is", scores), ("with its signs turned", -scores)):
        tested = make_test(problem, signed, groups, 0, True)
        taken = draw_masks(tested)
        error = captum.metrics.infidelity(
            lambda kept, tested=tested: -tested.falls(kept.bool()),
            lambda _, taken=taken: (taken.double(), (~taken).double()),
            torch.ones(1, taken.shape[1], dtype=torch.float64),
            tested.scores[None],
            n_perturb_samples=len(taken),
            normalize=True,
        )
        whole = tested.falls(~taken).square().mean()
        lines.append((name, f"{infidelity(tested):.3f}", f"{float(error / whole):.3f}"))
    return lines


def passes(ours: Ours, theirs: Callable[[Problem], Tensor], problem: Problem) -> tuple[int, int]:
    """Count the forward passes of our function, and the inputs that Captum's class evaluates."""
    own, counted = fresh(problem), Counted(problem)
    ours(own)
    theirs(fresh(problem, counted))
    return own.run.forward, counted.rows


def reproducible(run: Callable[[Problem], Tensor], problem: Problem, times: int = 5) -> bool:
    """Say whether runs from the same seed agree while another thread draws from the process-wide generators."""
    stop = threading.Event()

    def draw() -> None:
        while not stop.wait(0.0005):
            torch.rand(1), np.random.rand()

    def seeded() -> Tensor:
        torch.manual_seed(0)
        np.random.seed(0)
        return run(problem)

    right = seeded()
    thread = threading.Thread(target=draw)
    thread.start()
    try:
        return all(torch.allclose(seeded(), right, rtol=1e-3, atol=1e-6) for _ in range(times))
    finally:
        stop.set()
        thread.join()


def seconds(run: Callable[[], object]) -> float:
    """Measure the processor time of this process, which other work on the machine changes least."""
    started = time.process_time()
    run()
    return time.process_time() - started


def fresh(problem: Problem, score: Callable[[Tensor], Tensor] | None = None) -> Problem:
    """Copy a problem that no passes have been counted of."""
    return replace(problem, run=Run(), score=score or problem.score)


def leaf(problem: Problem) -> Tensor:
    """Copy the input so that gradients can be taken at it."""
    return problem.x.detach().clone().requires_grad_()


def deviation(problem: Problem) -> float:
    """Return the standard deviation of the noise."""
    return 0.1 * float(problem.x.max() - problem.x.min())


if __name__ == "__main__":
    main()
