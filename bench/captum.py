"""Compare methods with Captum: time, passes, reproducibility. `python -m bench.captum` prints three Markdown tables.

The first has the methods that run through Captum: their time divided by that of the same passes alone, in full batches.
The second has our own methods: the time of Captum's class, called once per target, divided by that of our function with
as many samples. The third compares the metric infidelity.
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
COPIES, STEPS = 3, 5  # noisy copies and steps of integrated gradients in a noise tunnel
Ours = Callable[[Problem], Attribution]
Theirs = Callable[[Problem, Bundle, int], Tensor]
"""Captum's scores (F,) of one target."""

SAMPLES = 64
WITH_CAPTUM: dict[str, Callable[[int], tuple[Ours, int]]] = {  # from the number of words: the method and its passes
    "Occlusion (FeatureAblation)": lambda groups: (occlusion, 1 + groups),
    f"LIME (LimeBase), {SAMPLES} samples": lambda groups: (partial(lime, samples=SAMPLES), SAMPLES),
    f"KernelSHAP (LimeBase), {SAMPLES} samples": lambda groups: (
        partial(kernel_shap, samples=SAMPLES),
        2 + min(SAMPLES, 2**groups - 2),
    ),
    "Shapley value sampling, 24 orders (from 12 words: 4, from 50: 1)": lambda groups: (
        partial(shapley_value_sampling, orders=choose_orders(groups)),
        2 + 2 * choose_orders(groups) * (groups - 1),
    ),
}


def choose_orders(groups: int) -> int:
    """Choose the number of orders: the default of the method for short texts, fewer for long ones."""
    return 1 if groups >= 50 else 4 if groups >= 12 else 24


def compute_saliency(problem: Problem, _: Bundle, target: int) -> Tensor:
    """Compute the length of the gradient."""
    return attr.Saliency(problem.score).attribute(problem.x, target=target, abs=False)[0].norm(dim=-1)


def compute_input_x_gradient(problem: Problem, _: Bundle, target: int) -> Tensor:
    """Compute gradient times input."""
    return attr.InputXGradient(problem.score).attribute(make_leaf(problem), target=target).sum(-1)[0]


def compute_smooth_grad(problem: Problem, _: Bundle, target: int) -> Tensor:
    """Compute the length of the mean gradient of noisy copies."""
    tunnel = attr.NoiseTunnel(attr.Saliency(problem.score))
    options = {
        "nt_samples": DRAWS,
        "nt_samples_batch_size": min(DRAWS, problem.batching.size),
        "stdevs": compute_deviation(problem),
    }
    return tunnel.attribute(make_leaf(problem), target=target, abs=False, **options)[0].norm(dim=-1)


def compute_noise_tunnel(problem: Problem, _: Bundle, target: int) -> Tensor:
    """Compute the mean of the integrated gradients of noisy copies."""
    options = {"nt_samples": COPIES, "nt_samples_batch_size": 1, "stdevs": compute_deviation(problem)}
    steps = {"n_steps": STEPS, "internal_batch_size": problem.batching.size, "baselines": problem.baseline}
    tunnel = attr.NoiseTunnel(attr.IntegratedGradients(problem.score))
    return tunnel.attribute(make_leaf(problem), target=target, **options, **steps).sum(-1)[0]


def compute_gradient_shap(problem: Problem, _: Bundle, target: int) -> Tensor:
    """Compute gradients at random points, all in one batch of Captum."""
    shap = attr.GradientShap(problem.score)
    options = {"n_samples": DRAWS, "stdevs": compute_deviation(problem)}
    return shap.attribute(make_leaf(problem), problem.baseline, target=target, **options).sum(-1)[0]


def compute_layer_gradient(problem: Problem, bundle: Bundle, target: int) -> Tensor:
    """Compute gradient times the states after the first layer."""
    layer = next(module for name, module in bundle.model.named_modules() if name.endswith("encoder.layer.0"))
    scores = attr.LayerGradientXActivation(problem.score, layer).attribute(make_leaf(problem), target=target)
    return (scores[0] if isinstance(scores, tuple) else scores).sum(-1)[0]


OWN: dict[str, tuple[Ours, Theirs]] = {
    "Saliency": (saliency, compute_saliency),
    "Input × gradient": (input_x_gradient, compute_input_x_gradient),
    f"SmoothGrad, {DRAWS} copies": (partial(smooth_grad, samples=DRAWS), compute_smooth_grad),
    f"Noise tunnel, {COPIES} copies, {STEPS} steps": (
        partial(noise_tunnel, samples=COPIES, steps=STEPS),
        compute_noise_tunnel,
    ),
    f"GradientSHAP, {DRAWS} points": (partial(gradient_shap, samples=DRAWS), compute_gradient_shap),
    "Layer gradient × activation": (layer_gradient_x_activation, compute_layer_gradient),
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
    parser.add_argument("--rounds", type=int, default=3, help="number of timings of each pair (default: 3)")
    parser.add_argument("--tokens", type=int, nargs="+", default=TOKENS, help="lengths of the texts in tokens")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    bundle = load(CARDS["emotions"])
    cases = [(tokens, targets) for tokens in options.tokens for targets in TARGETS]
    problems = [encode(bundle, *case) for case in cases]
    head = tuple(f"{tokens} tokens, T = {targets}" for tokens, targets in cases)
    lines = [
        (name, *(time_over_passes(ours, problem, options.rounds) for problem in problems))
        for name, ours in WITH_CAPTUM.items()
    ]
    print(format_table(("time divided by that of its passes alone", *head), lines))
    lines = [
        (
            name,
            *(time_over_ours(ours, theirs, problem, bundle, options.rounds) for problem in problems),
            *map(str, count_passes(ours, partial(run_all_targets, theirs, bundle), problems[-1])),
            "yes" if is_reproducible(partial(run_all_targets, theirs, bundle), problems[0]) else "no",
        )
        for name, (ours, theirs) in OWN.items()
    ]
    more = ("passes, T = 3: ours", "Captum's", "Captum's reproducible beside another thread")
    print(format_table(("Captum's time divided by ours", *head, *more), lines), flush=True)
    head = ("infidelity of an occlusion explanation, 20 tokens", "ours", "Captum's, normalised")
    print(format_table(head, compare_infidelity(encode(bundle, 20, 1))))


def encode(bundle: Bundle, tokens: int, targets: int) -> Problem:
    """Encode a text of about `tokens` tokens, to be explained for `targets` labels."""
    words = " ".join(SENTENCES).split()
    request = Request("multi_label_classification", "emotions", {"text": ""}, params={"labels": targets})
    for count in range(1, len(words)):
        problem = TASKS[request.task].encode(bundle, replace(request, inputs={"text": " ".join(words[:count])}), Run())
        if len(problem.features) >= tokens:
            break
    return problem


def time_over_passes(method: Callable[[int], tuple[Ours, int]], problem: Problem, rounds: int) -> str:
    """Return the time of a method, divided by that of its passes alone in full batches."""
    groups = group_features(problem)
    count = int(groups.max()) + 1
    ours, samples = method(count)
    masks = torch.rand(samples, count, generator=problem.generator) < 0.5
    pairs = [
        measure_seconds(lambda: ours(reset(problem)))
        / measure_seconds(lambda: reset(problem).keep(GroupMasks(groups, masks)))
        for _ in range(rounds)
    ]
    return f"{median(pairs):.2f}"


def time_over_ours(ours: Ours, theirs: Theirs, problem: Problem, bundle: Bundle, rounds: int) -> str:
    """Return the time of Captum's class, divided by that of our function."""
    pairs = [
        measure_seconds(lambda: run_all_targets(theirs, bundle, problem))
        / measure_seconds(lambda: ours(reset(problem)))
        for _ in range(rounds)
    ]
    return f"{median(pairs):.2f}"


def run_all_targets(theirs: Theirs, bundle: Bundle, problem: Problem) -> Tensor:
    """Run Captum's class for each target, (T, F)."""
    return torch.stack([theirs(problem, bundle, target) for target in range(len(problem.targets))])


def compare_infidelity(problem: Problem) -> list[tuple[str, ...]]:
    """Measure an explanation and its reverse; Captum's error is divided by the mean squared fall, as ours is."""
    groups, scores = group_features(problem), occlusion(problem).scores[0]
    lines = []
    for name, signed in (("as it is", scores), ("with reversed signs", -scores)):
        tested = make_test(problem, signed, groups, 0, True)
        taken = draw_masks(tested)
        error = captum.metrics.infidelity(
            lambda kept, tested=tested: -tested.measure_falls(kept.bool()),
            lambda _, taken=taken: (taken.double(), (~taken).double()),
            torch.ones(1, taken.shape[1], dtype=torch.float64),
            tested.scores[None],
            n_perturb_samples=len(taken),
            normalize=True,
        )
        whole = tested.measure_falls(~taken).square().mean()
        lines.append((name, f"{infidelity(tested):.3f}", f"{float(error / whole):.3f}"))
    return lines


def count_passes(ours: Ours, theirs: Callable[[Problem], Tensor], problem: Problem) -> tuple[int, int]:
    """Count the forward passes of our function, and the inputs that Captum's class evaluates."""
    own, counted = reset(problem), Counted(problem)
    ours(own)
    theirs(reset(problem, counted))
    return own.run.forward, counted.rows


def is_reproducible(run: Callable[[Problem], Tensor], problem: Problem, times: int = 5) -> bool:
    """Return whether runs with the same seed agree while another thread draws from the process-wide generators."""
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


def measure_seconds(run: Callable[[], object]) -> float:
    """Measure the processor time of this process, which other work on the machine affects least."""
    started = time.process_time()
    run()
    return time.process_time() - started


def reset(problem: Problem, score: Callable[[Tensor], Tensor] | None = None) -> Problem:
    """Copy a problem with a new count of passes."""
    return replace(problem, run=Run(), score=score or problem.score)


def make_leaf(problem: Problem) -> Tensor:
    """Copy the input as a leaf tensor with gradients."""
    return problem.x.detach().clone().requires_grad_()


def compute_deviation(problem: Problem) -> float:
    """Return the standard deviation of the noise."""
    return 0.1 * float(problem.x.max() - problem.x.min())


if __name__ == "__main__":
    main()
