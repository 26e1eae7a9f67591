"""Nearest neighbours: exact or in cells, copies folded, lists kept; only here is faiss imported."""

from vquery.graph.knn.extend import extended
from vquery.graph.knn.fold import COPY_SIMILARITY, folded
from vquery.graph.knn.lists import Apart, Neighbours
from vquery.graph.knn.search import neighbours
from vquery.graph.knn.vectors import QUANTILE_IN_SD, SAMPLED_PAIRS, bulk_floor, cosines, unit

__all__ = [
    "COPY_SIMILARITY",
    "QUANTILE_IN_SD",
    "SAMPLED_PAIRS",
    "Apart",
    "Neighbours",
    "bulk_floor",
    "cosines",
    "extended",
    "folded",
    "neighbours",
    "unit",
]
