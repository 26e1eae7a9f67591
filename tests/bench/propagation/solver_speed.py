"""Seconds of the solver beside scipy and networkx, and of one new label.

    python -m tests.bench.propagation.solver_speed --cache FOLDER [--nodes 200000]

Vectors of `sets.py`, 16 neighbours (HNSW, found once and kept in the folder), 10 classes by centre.
The contenders take turns in one process; medians and best times are printed, ratios are of the
best. Ours is timed with everything a solve needs after the graph is there; what is made once a
graph is printed by itself, and included where "with set-up" says so.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from tests.bench.propagation.sets import OVERLAPPING, SEPARATED, clustered_with_centres
from vquery.graph.edges.visual import visual_edges
from vquery.graph.knn.lists import Neighbours
from vquery.graph.solve import Harmonic
from vquery.graph.solve.prepared import prepared

if TYPE_CHECKING:
    from collections.abc import Callable

K, CLASSES, SEEDS, FEW_SEEDS, NEW = 16, 10, 1_000, 100, 5
TOL = 1e-3
NETWORKX_NODES = 50_000
"""Its graph of dictionaries takes minutes and gigabytes for more."""
SETS = {"overlapping": OVERLAPPING, "separated": SEPARATED}


def neighbours(n: int, sigma: float, cache: Path) -> tuple[Neighbours, np.ndarray]:
    """Lists of K neighbours, and the number of each node's centre."""
    kept = cache / f"lists-{n}-{sigma}.npz"
    if not kept.exists():
        import faiss

        vectors, centre = clustered_with_centres(n, sigma)
        index = faiss.IndexHNSWFlat(vectors.shape[1], K, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efSearch = 48
        index.add(vectors)
        similarity, target = index.search(vectors, K + 1)
        keep = (target != np.arange(n)[:, None]) & (target >= 0)
        keep &= np.cumsum(keep, axis=1) <= K
        source = np.broadcast_to(np.arange(n)[:, None], keep.shape)[keep]
        np.savez(kept, s=source, t=target[keep], w=similarity[keep], c=centre)
    with np.load(kept) as made:
        lists = Neighbours(n, K, made["s"], made["t"], made["w"], "HNSW", float("nan"))
        return lists, made["c"]


def plain_system(weights: sparse.csr_array, seeds: np.ndarray):
    """The rows of free nodes, cut out of the matrix, in float32."""
    degree = np.asarray(weights.sum(axis=1)).ravel()
    _, component = csgraph.connected_components(weights, directed=False)
    free = np.isin(component, component[seeds])
    free[seeds] = False
    rows = weights[free]
    inner = sparse.csr_array(sparse.diags_array(degree[free]) - rows[:, free])
    return free, inner.astype(np.float32), rows[:, seeds].astype(np.float32)


def plain_solve(weights: sparse.csr_array, seeds: np.ndarray, labels: np.ndarray):
    """Block conjugate gradients on scipy's compressed rows, the diagonal as preconditioner."""
    free, matrix, border = plain_system(weights, seeds)
    right = np.asarray(border @ labels, np.float32)
    diagonal = matrix.diagonal()[:, None]
    size = np.linalg.norm(right, axis=0)
    x, residual, steps = np.zeros_like(right), right.copy(), 0
    step = scaled = residual / diagonal
    energy = np.einsum("ij,ij->j", residual, scaled)
    while (np.linalg.norm(residual, axis=0) > TOL * size).any():
        moved = matrix @ step
        length = energy / np.einsum("ij,ij->j", step, moved)
        x += length * step
        residual -= length * moved
        scaled = residual / diagonal
        before, energy = energy, np.einsum("ij,ij->j", residual, scaled)
        step = scaled + step * (energy / before)
        steps += 1
    out = np.zeros((len(free), labels.shape[1]), np.float32)
    out[seeds], out[free] = labels, x
    return out, steps


def our_solve(weights: sparse.csr_array, seeds: np.ndarray, labels: np.ndarray):
    problem = Harmonic(weights, seeds, tol=TOL, unsure_share=1.0)  # the residual alone, as plain
    return problem.solve(labels), problem.report.iterations


def turns(contenders: dict[str, Callable[[], object]], repeats: int) -> dict[str, list[float]]:
    """Seconds of each contender, one after the other in every round."""
    took: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(repeats):
        for name, run in contenders.items():
            began = time.perf_counter()
            run()
            took[name].append(time.perf_counter() - began)
    return took


def shown(name: str, took: list[float], more: str = "") -> None:
    print(f"  {name:34} best {min(took):7.3f} s  median {statistics.median(took):7.3f} s  {more}")


def drawn(centre: np.ndarray, count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    seeds = np.sort(np.random.default_rng(seed).choice(len(centre), count, replace=False))
    return seeds, np.eye(CLASSES)[centre[seeds] % CLASSES]


def against_scipy(weights: sparse.csr_array, centre: np.ndarray, repeats: int) -> None:
    seeds, labels = drawn(centre, SEEDS)
    ours, steps = our_solve(weights, seeds, labels)
    plain, plain_steps = plain_solve(weights, seeds, labels)
    exact = Harmonic(weights, seeds, tol=1e-10).solve(labels).argmax(1)
    reached = ours.sum(axis=1) > 0
    took = turns(
        {
            "plain": lambda: plain_solve(weights, seeds, labels),
            "ours": lambda: our_solve(weights, seeds, labels),
            "set up": lambda: prepared(weights.copy()),
        },
        repeats,
    )
    for name, x, count in (("plain", plain, plain_steps), ("ours", ours, steps)):
        right = float((x.argmax(1) == exact)[reached].mean())
        shown(name, took[name], f"{count} iterations, {right:.5f} of labels as solved exactly")
    shown("ours, once a graph", took["set up"])
    ratio = min(took["plain"]) / min(took["ours"])
    both = min(took["plain"]) / (min(took["ours"]) + min(took["set up"]))
    print(f"  scipy / ours {ratio:.1f}; with set-up {both:.1f}")


def new_label(weights: sparse.csr_array, centre: np.ndarray, repeats: int) -> None:
    seeds, labels = drawn(centre, FEW_SEEDS)
    problem = Harmonic(weights, seeds, tol=TOL, unsure_share=1.0)
    scores = problem.solve(labels)
    others = np.setdiff1d(np.flatnonzero(problem.reached), seeds)
    ratios = []
    for node in np.random.default_rng(1).choice(others, NEW, replace=False).tolist():
        row = np.eye(CLASSES)[centre[node] % CLASSES]
        all_seeds, all_labels = np.r_[seeds, node], np.r_[labels, row[None]]
        took = turns(
            {
                "cold": lambda a=all_seeds, b=all_labels: our_solve(weights, a, b),
                "warm": lambda node=node, row=row: problem.added(node, scores, row),
            },
            repeats,
        )
        cold, _ = our_solve(weights, all_seeds, all_labels)
        _, warm = problem.added(node, scores, row)
        equal = float((warm.argmax(1) == cold.argmax(1))[problem.reached].mean())
        ratios.append(min(took["warm"]) / min(took["cold"]))
        shown(f"one new label, node {node}", took["warm"], f"{equal:.5f} of labels as cold")
    print(f"  warm / cold: median {statistics.median(ratios):.2f}, worst {max(ratios):.2f}")


def against_networkx(weights: sparse.csr_array, centre: np.ndarray) -> None:
    import networkx as nx
    from networkx.algorithms import node_classification

    seeds, labels = drawn(centre, SEEDS)

    def theirs(solve: Callable[[nx.Graph], object]) -> None:
        graph = nx.from_scipy_sparse_array(weights)
        nx.set_node_attributes(
            graph, dict(zip(seeds.tolist(), labels.argmax(1).tolist(), strict=True)), "label"
        )
        solve(graph)

    took = turns(
        {
            "harmonic_function": lambda: theirs(node_classification.harmonic_function),
            "local_and_global_consistency": lambda: theirs(
                node_classification.local_and_global_consistency
            ),
            **dict.fromkeys(
                ("ours", "ours again", "and again"), lambda: our_solve(weights, seeds, labels)
            ),
            "set up": lambda: prepared(weights.copy()),
        },
        2,
    )
    ours = took["ours"] + took.pop("ours again") + took.pop("and again")
    for name, seconds in took.items():
        shown(name, seconds)
        if name not in ("ours", "set up"):
            both = min(seconds) / (min(ours) + min(took["set up"]))
            print(f"    / ours {min(seconds) / min(ours):.0f}; with set-up {both:.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, required=True, help="folder for neighbour lists")
    parser.add_argument("--nodes", type=int, default=200_000)
    parser.add_argument("--networkx-nodes", type=int, default=NETWORKX_NODES)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--sets", nargs="*", choices=list(SETS), default=list(SETS))
    asked = parser.parse_args()
    asked.cache.mkdir(parents=True, exist_ok=True)
    for name in asked.sets:
        lists, centre = neighbours(asked.nodes, SETS[name], asked.cache)
        for symmetry in ("mutual", "sum"):
            weights = visual_edges(lists, symmetry=symmetry)
            print(f"{name}, {symmetry}: {asked.nodes} nodes, {weights.nnz} non-zeros", flush=True)
            against_scipy(weights, centre, asked.repeats)
            new_label(weights, centre, asked.repeats)
    few = min(asked.nodes, asked.networkx_nodes)
    lists, centre = neighbours(few, OVERLAPPING, asked.cache)
    for symmetry in ("mutual", "sum"):
        weights = visual_edges(lists, symmetry=symmetry)
        print(f"networkx, overlapping, {symmetry}: {few} nodes, {weights.nnz} non-zeros")
        against_networkx(weights, centre)


if __name__ == "__main__":
    main()
