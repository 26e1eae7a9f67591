"""A million vectors, from their neighbours to labels: how long, how much memory, what recall.

``python -m tests.bench.propagation.million [--rows 1000000] [--sigma 0.8] [--recall 0.95]``

Vectors of 256 dimensions in overlapping clusters; the class of a row is the number of its centre
modulo 10, and 100 rows of each class are seeds. Copies are folded, neighbours searched, edges
linked, and the harmonic problem of all classes is solved. Recall is told twice: what the search
says of its own sample, and on 2,000 other rows against exact search. Memory is the most that the
process ever held, with the vectors and what Python loads. CPU seconds stand beside wall seconds,
which are shared with whatever else the machine does.
"""

from __future__ import annotations

import argparse
import resource
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from tests.bench.propagation.sets import OVERLAPPING, clustered_with_centres
from vquery.graph.edges import visual_edges
from vquery.graph.knn import folded, neighbours
from vquery.graph.solve import Harmonic
from vquery_kernels.neighbours import top_k

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vquery.graph.knn import Neighbours

K, CLASSES, SEEDS, CHECKED = 16, 10, 100, 2_000
GIB = 2**30


def held() -> float:
    """Most memory this process has held, in GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / GIB


@contextmanager
def phase(name: str) -> Iterator[None]:
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"{name:<12} {wall:8.1f} s wall {cpu:8.1f} s CPU   peak {held():.2f} GiB", flush=True)


def independent_recall(points: np.ndarray, found: Neighbours) -> float:
    rows = np.sort(np.random.default_rng(99).permutation(len(points))[:CHECKED])
    truth, _ = top_k(points[rows], points, K, query_ids=rows, base_ids=np.arange(len(points)))
    starts = np.searchsorted(found.source, [rows, rows + 1])
    hits = sum(
        np.isin(wanted, found.target[low:high]).sum()
        for wanted, low, high in zip(truth, *starts, strict=True)
    )
    return float(hits / truth.size)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--sigma", type=float, default=OVERLAPPING)
    parser.add_argument("--recall", type=float, default=0.95)
    given = parser.parse_args()
    neighbours(clustered_with_centres(60_000, given.sigma)[0], K)  # compile before the clock runs
    begun = time.perf_counter()
    with phase("draw"):
        points, centre = clustered_with_centres(given.rows, given.sigma)
    drawn = time.perf_counter()
    with phase("fold"):
        node, first = folded(points)
    if len(first) < len(points):
        points = points[first]
    truth = centre[first] % CLASSES
    with phase("search"):
        found = neighbours(points, K, recall=given.recall)
    with phase("link"):
        weights = visual_edges(found, symmetry="tree")
    rng = np.random.default_rng(0)
    seeds = np.concatenate(
        [rng.choice(np.flatnonzero(truth == c), SEEDS, replace=False) for c in range(CLASSES)]
    )
    with phase("solve"):
        harmonic = Harmonic(weights, seeds)
        scores = harmonic.solve(np.eye(CLASSES)[truth[seeds]])
    done = time.perf_counter()
    right = (scores.argmax(1) == truth)[harmonic.reached]
    report = harmonic.report
    print(f"all          {done - drawn:8.1f} s wall, {done - begun:.1f} with drawing")
    print(f"{len(points)} rows of {len(node)} are different, {weights.nnz} entries")
    print(f"search: {found.method}; recall {found.recall:.4f} on its own sample,", end=" ")
    print(f"{independent_recall(points, found):.4f} on {CHECKED} other rows")
    print(
        f"solve: {report.method}, {report.iterations} iterations, residual {report.residual:.1e},"
    )
    print(f"converged: {report.converged}; {harmonic.reached.mean():.2%} reached,", end=" ")
    print(f"{right.mean():.2%} of these right (by chance {1 / CLASSES:.0%})")
    print(f"peak {held():.2f} GiB")


if __name__ == "__main__":
    main()
