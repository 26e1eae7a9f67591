"""Several kinds of edges in one graph: each on its own scale, times a stated weight."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from vquery.errors import SchemaError
from vquery.graph.edges.graph import Graph

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scipy import sparse

MIX: Mapping[str, float] = {"visual": 1.0, "temporal": 1.0, "text": 0.25, "given": 1.0}
"""How much an edge of each kind counts beside an average visual one.

Following in time counts as much as looking alike: four times as much helps when tracks are perfect,
but a tenth of switched identities then costs more than time edges bring. The same words are often
said over different pictures, so they count a quarter, by judgement. A user's own edges count in
full.
"""

LIGHTEST, HEAVIEST = 1e-30, 1e30
"""Of the heaviest edge of a kind: the sum over a node's edges is to fit float32."""


def mixed(
    n: int,
    kinds: Mapping[str, sparse.csr_array],
    mix: Mapping[str, float] | None = None,
    facts: Mapping[str, Any] | None = None,
) -> Graph:
    """Bring each kind of edge to the scale of the visual ones, times its weight in the mix.

    A kind's scale is the mean of its positive weights. Kinds are divided by their own and
    multiplied by that of the visual kind (1 where there are no visual edges) and by their weight,
    so that the weights mean the same whatever the measures behind the kinds.

    Parameters
    ----------
    kinds
        Symmetric matrices of shape (n, n), by name.
    mix
        Weights by kind, 0 or more; those not named are as in ``MIX``, or 1. A kind of weight 0 is
        left out. A kind of ``MIX`` that this graph does not have may be named.
    facts
        For the graph; ``mix`` (weights, those of 0 too) and ``scale`` (the factor that each kind
        was multiplied by) are added.

    Raises
    ------
    SchemaError
        If ``mix`` names a kind that does not exist or gives a weight that is negative, not finite
        or beyond what float32 can hold, or an edge is not valid (see `Graph`).

    >>> from vquery.graph.edges.given import given_edges
    >>> parts = {"visual": given_edges(3, [0], [1], [0.5]), "text": given_edges(3, [1], [2], [8])}
    >>> mixed(3, parts).weights.toarray()[1].tolist()
    [0.5, 0.0, 0.125]
    """
    chosen = _chosen(kinds, mix or {})
    visual = _mean(kinds["visual"]) if "visual" in kinds else 0.0
    base = visual or 1.0
    parts, scale = {}, {}
    for kind, weight in chosen.items():
        factor = float(base * weight / (_mean(kinds[kind]) or 1.0))
        if weight > 0:
            heaviest = factor * float(kinds[kind].data.max(initial=0))
            if heaviest and not LIGHTEST <= heaviest <= HEAVIEST:
                raise SchemaError(
                    f"mix: with a weight of {weight:g} edges of kind {kind!r} would weigh up to "
                    f"{heaviest:g}, which single precision cannot hold beside others"
                )
            scale[kind] = factor
            parts[kind] = kinds[kind] if factor == 1.0 else _times(kinds[kind], factor)
    return Graph(n, parts, {**(facts or {}), "mix": chosen, "scale": scale})


def _chosen(kinds: Mapping[str, Any], mix: Mapping[str, float]) -> dict[str, float]:
    for kind, weight in mix.items():
        if kind not in kinds and kind not in MIX:
            known = ", ".join(repr(each) for each in dict.fromkeys([*kinds, *MIX]))
            raise SchemaError(f"mix: there is no kind of edges {kind!r}. Kinds: {known}")
        if not (_number(weight) and math.isfinite(weight) and weight >= 0):
            raise SchemaError(f"mix: the weight of {kind!r} must be 0 or more, got {weight!r}")
    return {kind: float(mix.get(kind, MIX.get(kind, 1.0))) for kind in kinds}


def _number(value: object) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


def _mean(matrix: sparse.csr_array) -> float:
    """Mean of the positive weights, 0 if there are none."""
    count = np.count_nonzero(matrix.data > 0)
    return float(matrix.data.sum(dtype=np.float64)) / count if count else 0.0


def _times(matrix: sparse.csr_array, factor: float) -> sparse.csr_array:
    return matrix * np.asarray(factor, matrix.dtype)[()]
