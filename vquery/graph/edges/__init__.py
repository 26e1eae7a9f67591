"""Symmetric, non-negative affinities, by kind: looks, time, words, and what a user states."""

from vquery.graph.edges.given import given_edges
from vquery.graph.edges.graph import Graph, from_pairs
from vquery.graph.edges.mix import MIX, mixed
from vquery.graph.edges.symmetric import Symmetry
from vquery.graph.edges.temporal import TemporalCuts, runs, temporal_edges
from vquery.graph.edges.text import text_edges
from vquery.graph.edges.visual import visual_edges

__all__ = [
    "MIX",
    "Graph",
    "Symmetry",
    "TemporalCuts",
    "from_pairs",
    "given_edges",
    "mixed",
    "runs",
    "temporal_edges",
    "text_edges",
    "visual_edges",
]
