"""How fast exact neighbours are beside FAISS's flat index, all in one process, taking turns.

``python -m tests.bench.propagation.graph_speed [--rows 50000] [--sigma 0.8] [--turns 3]``

Every contender finds the 16 nearest other rows of every row: of FAISS, adding and searching for 17
with the same number of threads. Compiling and loading are not counted. Recall is against products
of 2,000 rows in float64. Shares of the time are those of the product, the scan and the ranking,
as CPU seconds: wall seconds are shared with whatever else the machine does.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from contextlib import contextmanager
from typing import TYPE_CHECKING

import faiss
import numpy as np

from tests.bench.propagation.sets import OVERLAPPING, clustered
from vquery.graph.knn import neighbours as graph_neighbours
from vquery_kernels import threads
from vquery_kernels.neighbours import cpu, products, reference
from vquery_kernels.neighbours.question import Rules, among

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

K = 16
SAMPLED = 2_000


def flat(points: np.ndarray) -> np.ndarray:
    """FAISS: the answer of the flat index, less the row itself."""
    index = faiss.IndexFlatIP(points.shape[1])
    index.add(points)
    ids = index.search(points, K + 1)[1]
    own = ids == np.arange(len(points))[:, None]
    own[~own.any(1), -1] = True  # a row that an equal one has pushed out
    return ids[~own].reshape(len(points), K)


def tiles(points: np.ndarray, *, bfloat16: bool) -> np.ndarray:
    return cpu.search(among(points, K, Rules()), mutual=True, bfloat16=bfloat16)[0]


def graph(points: np.ndarray) -> np.ndarray:
    """What the graph is built from; shorter lists are filled up."""
    found = graph_neighbours(points, K)
    out = np.full((len(points), K), -1)
    counts = found.counts()
    rank = np.arange(len(found.source)) - np.repeat(np.cumsum(counts) - counts, counts)
    out[found.source, rank] = found.target
    return out


def exact(points: np.ndarray, rows: np.ndarray) -> np.ndarray:
    question = among(points, K, Rules())
    some = type(question.queries)(*(column[rows] for column in question.queries))
    return reference.top_k(question._replace(queries=some))[0]


def recall(found: np.ndarray, truth: np.ndarray) -> float:
    return float((found[:, :, None] == truth[:, None, :]).any(2).mean())


@contextmanager
def accounted(spent: dict[str, float]) -> Iterator[None]:
    """Add up the CPU seconds of the parts of a search."""

    def timed(name: str, function: Callable[..., None]) -> Callable[..., None]:
        def call(*given: object) -> None:
            begun = time.thread_time()
            function(*given)
            spent[name] += time.thread_time() - begun

        return call

    before = cpu._scan, cpu._finish, products.multiplier

    @contextmanager
    def multiplier(*, bfloat16: bool) -> Iterator[Callable[..., None]]:
        with before[2](bfloat16=bfloat16) as product:
            yield timed("product", product)

    cpu._scan, cpu._finish = timed("scan", before[0]), timed("rank", before[1])
    products.multiplier = multiplier
    try:
        yield
    finally:
        cpu._scan, cpu._finish, products.multiplier = before


def contenders() -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    out = {"faiss flat": flat, "tiles float32": lambda points: tiles(points, bfloat16=False)}
    if products.wants_bfloat16(products.IMPORT_PAIRS, cpu.binding.get_host_cpu_features()):
        out["tiles bfloat16"] = lambda points: tiles(points, bfloat16=True)
    return {**out, "knn.neighbours": graph}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--sigma", type=float, default=OVERLAPPING)
    parser.add_argument("--turns", type=int, default=3)
    asked = parser.parse_args()
    faiss.omp_set_num_threads(threads.workers())
    points = clustered(asked.rows, asked.sigma)
    chosen = np.random.default_rng(1).permutation(asked.rows)[:SAMPLED]
    truth = exact(points, chosen)
    wall: dict[str, list[float]] = defaultdict(list)
    used: dict[str, list[float]] = defaultdict(list)
    parts: dict[str, dict[str, float]] = {}
    reached = {}
    for name, search in contenders().items():
        search(points[:3_000])  # loads and compiles
        parts[name] = defaultdict(float)
    for _ in range(asked.turns):
        for name, search in contenders().items():
            begun, worked = time.perf_counter(), time.process_time()
            if name.startswith("tiles"):
                parts[name].clear()
                with accounted(parts[name]):
                    found = search(points)
            else:
                found = search(points)
            wall[name].append(time.perf_counter() - begun)
            used[name].append(time.process_time() - worked)
            reached[name] = recall(found[chosen], truth)
    base = min(wall["faiss flat"])
    print(f"{asked.rows} x {points.shape[1]}, sigma {asked.sigma}, k {K}, best of {asked.turns}")
    for name, seconds in wall.items():
        shape = "  ".join(f"{part} {spent:.2f}" for part, spent in parts[name].items())
        print(
            f"{name:16} {min(seconds):7.2f} s  {min(seconds) / base:6.1%} of flat"
            f"  CPU {min(used[name]):6.2f} s  recall {reached[name]:.4f}  {shape}"
        )


if __name__ == "__main__":
    main()
