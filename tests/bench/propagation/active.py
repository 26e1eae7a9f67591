"""Accuracy against the number of labels when strategies choose what to label next.

``python tests/bench/propagation/active.py [runs]`` prints a table: digits and two drawn sets of
clusters, every strategy beside random choice, from two random labels on, five more at a time. The
same first labels for all; nothing is chosen by the accuracy.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parents[3] / place) for place in ("", "kernels")]

from tests.bench.propagation.sets import OVERLAPPING, SEPARATED, clustered_with_centres
from vquery.graph.edges import visual_edges
from vquery.graph.knn import neighbours, unit
from vquery.graph.knowing import overview, suggest
from vquery.graph.solve import Harmonic

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy import sparse

    Ints = NDArray[np.int64]
    Weights = NDArray[np.float64]

WAYS = ("random", "margin", "density", "coverage", "mixed")
FIRST, MORE = 2, 5
SHOWN = (7, 12, 22, 32, 52)
RUNS, CLASSES, POINTS, NEIGHBOURS = 20, 10, 3_000, 8


def digits() -> tuple[sparse.csr_array, Ints]:
    """Graph and classes of scikit-learn's digits."""
    from sklearn.datasets import load_digits

    data = load_digits()
    return graph(data.data), data.target


def clusters(sigma: float) -> tuple[sparse.csr_array, Ints]:
    """Graph of drawn clusters, several to a class."""
    points, of = clustered_with_centres(POINTS, sigma)
    return graph(points), np.random.default_rng(1).integers(0, CLASSES, of.max() + 1)[of]


def graph(vectors: Weights) -> sparse.csr_array:
    """Link mutual neighbours."""
    return visual_edges(neighbours(unit(vectors), NEIGHBOURS))


def scores_of(weights: sparse.csr_array, truth: Ints, seeds: list[int]) -> tuple[Weights, Ints]:
    """Harmonic scores with equal class masses, and the class of each column."""
    classes, label = np.unique(truth[seeds], return_inverse=True)
    solver = Harmonic(weights, np.array(seeds))
    scores = solver.solve(np.eye(len(classes))[label])
    free = solver.reached.copy()
    free[seeds] = False
    mass = scores[free].sum(0)
    wanted = np.full(len(mass), mass.sum() / len(mass))
    scores *= np.divide(wanted, mass, out=np.ones_like(mass), where=mass > 0)
    scores[seeds] = np.eye(len(classes))[label]
    return scores, classes


def accuracy(weights: sparse.csr_array, truth: Ints, seeds: list[int]) -> float:
    """Share of the unlabelled nodes whose class is found; unreached ones count as wrong."""
    scores, classes = scores_of(weights, truth, seeds)
    right = (classes[scores.argmax(1)] == truth) & (scores.sum(1) > 0)
    return float(np.delete(right, seeds).mean())


def follow(weights: sparse.csr_array, truth: Ints, way: str, *, run: int, upto: int) -> list[int]:
    """Start with random labels and let ``way`` choose more; returns all in their order."""
    n, rng = len(truth), np.random.default_rng(run)
    seeds = rng.choice(n, FIRST, replace=False).tolist()
    small = overview(weights)
    while len(seeds) < upto:
        if way == "random":
            chosen = rng.choice(np.setdiff1d(np.arange(n), seeds), MORE, replace=False)
        else:
            scores, _ = scores_of(weights, truth, seeds)
            chosen = suggest(weights, scores, seeds, MORE, way, known=small).nodes
            if not len(chosen):
                break
        seeds += chosen.tolist()
    return seeds[:upto]


def main(runs: int) -> None:
    """Print mean accuracy, and the difference to random with its standard error."""
    sets = {
        "digits": digits(),
        "separated clusters": clusters(SEPARATED),
        "overlapping clusters": clusters(OVERLAPPING),
    }
    for name, (weights, truth) in sets.items():
        print(f"{name}: {len(truth)} points, accuracy in % after " + " / ".join(map(str, SHOWN)))
        chance = np.zeros((runs, len(SHOWN)))
        for way in WAYS:
            curves = np.array([curve(weights, truth, way, run) for run in range(runs)])
            chance = curves if way == "random" else chance
            gain, error = (curves - chance).mean(0), (curves - chance).std(0) / np.sqrt(runs)
            shown = "  ".join(
                f"{100 * mean:5.1f} ({100 * more:+5.1f} ± {100 * spread:3.1f})"
                for mean, more, spread in zip(curves.mean(0), gain, error, strict=True)
            )
            print(f"  {way:9s} {shown}", flush=True)


def curve(weights: sparse.csr_array, truth: Ints, way: str, run: int) -> list[float]:
    """Accuracy after each number of labels that is shown."""
    seeds = follow(weights, truth, way, run=run, upto=SHOWN[-1])
    return [accuracy(weights, truth, seeds[:count]) for count in SHOWN]


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else RUNS)
