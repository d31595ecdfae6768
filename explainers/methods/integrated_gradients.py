"""Integrated gradients whose steps go where the score moves, until the sum of the scores is what it must be.

Knows no task and no model: a Problem gives gradients along the path from its baseline.
"""

from typing import Annotated

import numpy as np
import torch
from torch import Tensor

from ..method import Range, method
from ..problem import Attribution, Path, Problem

FIRST = 4  # intervals
NODES = 3
SHARE = 0.8  # of the whole error, held by the intervals that are halved in a round


@method(
    "Integrated gradients",
    paper="Sundararajan et al. 2017, arXiv:1703.01365",
    needs=("gradients", "baseline"),
    additive=True,
)
def integrated_gradients(
    problem: Problem,
    *,
    tolerance: Annotated[float, Range(0.0001, 0.2), "The share of the change that may stay unexplained."] = 0.005,
    most_passes: Annotated[int, Range(20, 5_000), "Give up after so many passes, and say so."] = 300,
) -> Attribution:
    """x"""
    direction = problem.x - problem.baseline
    places, weights = np.polynomial.legendre.leggauss(NODES)
    weights_t = torch.tensor(weights, dtype=torch.float32)
    def rates(alphas):
        v, r = problem.gradients(Path(problem.baseline, problem.x, torch.tensor(alphas, dtype=torch.float32)), lambda g: (g * direction).sum(-1))
        return r.double()
    def vals(alphas):
        return problem.values(Path(problem.baseline, problem.x, torch.tensor(alphas, dtype=torch.float32))).double()
    edges = np.linspace(0,1,FIRST+1)
    F = {float(a): v for a, v in zip(edges, vals(edges))}
    passes = 0
    def measure(intervals):
        nonlocal passes
        alphas = np.array([(a+b)/2+(b-a)/2*places for a,b in intervals]).ravel()
        r = rates(alphas).view(len(intervals), NODES, *([len(problem.targets), -1]))
        passes += len(alphas)
        out=[]
        for (a,b), rr in zip(intervals, r):
            att = (rr*weights_t.double()[:,None,None]).sum(0)*(b-a)/2
            err = (att.sum(-1)-(F[b]-F[a])).abs().max().item()
            out.append((err,a,b,att))
        return out
    scale = max(abs(float(F[1.0]-F[0.0])), 1e-9)
    parts = measure(list(zip(edges[:-1].tolist(), edges[1:].tolist())))
    while sum(p[0] for p in parts) > tolerance*scale and passes < most_passes:
        parts.sort(key=lambda p:-p[0]); tot=sum(p[0] for p in parts); acc=0; k=0
        while acc < SHARE*tot: acc+=parts[k][0]; k+=1
        worst, parts = parts[:k], parts[k:]
        mids=[(a+b)/2 for _,a,b,_ in worst]
        for m,v in zip(mids, vals(mids)): F[m]=v
        parts += measure([i for (_,a,b,_),m in zip(worst,mids) for i in ((a,m),(m,b))])
    return Attribution(sum(p[3] for p in parts).float(), (sum(p[0] for p in parts) <= tolerance*scale,))
