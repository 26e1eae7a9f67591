"""What a graph is like, in figures and in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from vquery.graph.edges.graph import Graph

QUANTILES = (0.05, 0.25, 0.75, 0.95, 0.99)
HUB_FACTOR = 5
"""A hub has more than so many times the median number of neighbours."""
NAMED_HUBS = 10


def summary(graph: Graph) -> dict[str, Any]:
    """Describe a graph.

    Returns
    -------
    dict
        ``nodes``, ``edges`` (pairs; one of two kinds counts once), ``edges_by_kind``,
        ``weight_share`` by kind, ``components``, ``largest_component``, ``isolated`` (nodes
        without an edge: components of one), ``degree_`` ``median``, ``mean``, ``max``,
        ``quantiles`` and ``skew`` (the third standardised moment), ``hubs`` (nodes of more than
        ``HUB_FACTOR`` times the median degree: how many, the limit, the largest with their
        degrees), ``memory_bytes``, and the facts that the graph was given.
    """
    weights = graph.weights
    degree = np.diff(weights.indptr)
    count, component = graph.components() if graph.n else (0, np.zeros(0, np.int64))
    largest = int(np.bincount(component, minlength=1).max())
    heavy = {kind: float(part.data.sum(dtype=np.float64)) for kind, part in graph.kinds.items()}
    total = sum(heavy.values())
    return {
        "nodes": graph.n,
        "edges": int(weights.nnz // 2),
        "edges_by_kind": {kind: int(part.nnz // 2) for kind, part in graph.kinds.items()},
        "weight_share": {kind: each / total if total else 0.0 for kind, each in heavy.items()},
        "components": count,
        "largest_component": largest,
        "isolated": int((degree == 0).sum()),
        **_degrees(degree),
        "memory_bytes": _memory(graph),
        **graph.facts,
    }


def _degrees(degree: NDArray[Any]) -> dict[str, Any]:
    some = degree if len(degree) else np.zeros(1, np.int32)
    median, mean, spread = float(np.median(some)), float(some.mean()), float(some.std())
    skew = float(((some - mean) ** 3).mean()) / spread**3 if spread else 0.0
    values = np.quantile(some, QUANTILES).tolist()
    limit = HUB_FACTOR * max(median, 1.0)
    hubs = np.flatnonzero(degree > limit)
    named = hubs[np.argsort(-degree[hubs], kind="stable")][:NAMED_HUBS]
    return {
        "degree_median": median,
        "degree_mean": mean,
        "degree_max": int(some.max()),
        "degree_quantiles": dict(zip(map(str, QUANTILES), values, strict=True)),
        "degree_skew": skew,
        "hubs": {
            "count": len(hubs),
            "above": limit,
            "nodes": named.tolist(),
            "degrees": degree[named].tolist(),
        },
    }


def _memory(graph: Graph) -> int:
    """Bytes of all arrays; with one kind the sum is that kind's own matrix."""
    arrays = {
        id(array): array.nbytes
        for part in (*graph.kinds.values(), graph.weights)
        for array in (part.data, part.indices, part.indptr)
    }
    return sum(arrays.values())


def text(facts: Mapping[str, Any]) -> str:
    """Write a summary in a few lines.

    >>> from vquery.graph.edges.graph import from_pairs
    >>> print(from_pairs(3, [0], [1], [0.5], kind="visual"))
    Graph of 3 nodes and 1 edge
      visual: 1 edge, 100 % of the weight
      degree: median 1, mean 0.7, 95 % up to 1, largest 1
      components: 2, the largest of 2 nodes, 1 isolated node
    """
    lines = [f"Graph of {counted(facts['nodes'], 'node')} and {counted(facts['edges'], 'edge')}"]
    for kind, edges in facts["edges_by_kind"].items():
        share = facts["weight_share"][kind]
        lines.append(f"  {kind}: {counted(edges, 'edge')}, {share:.0%} of the weight".replace(
            "%", " %"))  # fmt: skip
    high = facts["degree_quantiles"]["0.95"]
    lines.append(
        f"  degree: median {facts['degree_median']:g}, mean {facts['degree_mean']:.1f}, "
        f"95 % up to {high:.0f}, largest {facts['degree_max']:,}"
    )
    if facts["hubs"]["count"]:
        lines.append(f"  {_hubs(facts['hubs'])}")
    lines.append(
        f"  components: {facts['components']:,}, the largest of "
        f"{counted(facts['largest_component'], 'node')}, "
        f"{counted(facts['isolated'], 'isolated node')}"
    )
    return "\n".join(lines)


def _hubs(hubs: Mapping[str, Any]) -> str:
    named = [f"{a} ({b})" for a, b in zip(hubs["nodes"], hubs["degrees"], strict=True)]
    rest = ", …" if hubs["count"] > len(named) else ""
    return (
        f"{counted(hubs['count'], 'hub')} with more than {hubs['above']:g} neighbours: "
        f"node {', '.join(named)}{rest}"
    )


def counted(count: int, what: str) -> str:
    """Put a number before a noun.

    >>> counted(1, "edge"), counted(2000, "edge")
    ('1 edge', '2,000 edges')
    """
    return f"{count:,} {what}{'' if count == 1 else 's'}"
