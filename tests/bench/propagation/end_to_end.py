"""From vectors to labels beside scikit-learn, in one process, taking turns.

``python -m tests.bench.propagation.end_to_end [--rows 50000] [--turns 2] [--seeds 1000]``

`vquery.propagate` as it comes against ``LabelSpreading(kernel="knn")`` as it comes, on separated
and on overlapping clusters. The class of a point is the number of its centre modulo ten; the seeds
are drawn from all points. Loading and compiling are not counted.
"""

from __future__ import annotations

import argparse
import time
import warnings

import numpy as np
from sklearn.semi_supervised import LabelSpreading

import vquery as vq
from tests.bench.propagation.sets import OVERLAPPING, SEPARATED, clustered_with_centres

CLASSES = 10


def ours(points: np.ndarray, seeds: dict[int, int]) -> np.ndarray:
    return vq.propagate(points, seeds)["label"].fill_null(-1).to_numpy()


def theirs(points: np.ndarray, seeds: dict[int, int]) -> np.ndarray:
    labels = np.full(len(points), -1)
    labels[list(seeds)] = list(seeds.values())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # not converged after 30 iterations
        return LabelSpreading(kernel="knn").fit(points, labels).transduction_


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=1_000)
    asked = parser.parse_args()
    small, centre = clustered_with_centres(20_000, SEPARATED)
    ours(small, dict(enumerate((centre[:100] % CLASSES).tolist())))
    for name, sigma in (("separated", SEPARATED), ("overlapping", OVERLAPPING)):
        points, centre = clustered_with_centres(asked.rows, sigma)
        truth = centre % CLASSES
        chosen = np.random.default_rng(1).permutation(asked.rows)[: asked.seeds]
        seeds = dict(zip(chosen.tolist(), truth[chosen].tolist(), strict=True))
        rest = np.setdiff1d(np.arange(asked.rows), chosen)
        took: dict[str, list[float]] = {"vquery": [], "scikit-learn": []}
        right = {}
        for _ in range(asked.turns):
            for who, run in (("vquery", ours), ("scikit-learn", theirs)):
                begun = time.perf_counter()
                found = run(points, seeds)
                took[who].append(time.perf_counter() - begun)
                right[who] = float((found[rest] == truth[rest]).mean())
        best = {who: min(seconds) for who, seconds in took.items()}
        print(
            f"{name}, {asked.rows} rows, {asked.seeds} seeds, best of {asked.turns}: "
            + ", ".join(f"{who} {best[who]:.2f} s, {right[who]:.1%} right" for who in best)
            + f"; {best['scikit-learn'] / best['vquery']:.1f} times as fast"
        )


if __name__ == "__main__":
    main()
