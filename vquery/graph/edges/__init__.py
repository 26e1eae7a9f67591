"""Symmetric, non-negative affinities, by kind: what looks alike, what follows in time."""

from vquery.graph.edges.graph import Graph, from_pairs
from vquery.graph.edges.temporal import temporal_edges
from vquery.graph.edges.visual import Symmetry, visual_edges

__all__ = ["Graph", "Symmetry", "from_pairs", "temporal_edges", "visual_edges"]
