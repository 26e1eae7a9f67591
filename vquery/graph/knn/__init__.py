"""Nearest neighbours: the only code that imports faiss."""

from vquery.graph.knn.lists import Apart, Neighbours
from vquery.graph.knn.search import neighbours
from vquery.graph.knn.vectors import QUANTILE_IN_SD, SAMPLED_PAIRS, bulk_floor, cosines, unit

__all__ = [
    "QUANTILE_IN_SD",
    "SAMPLED_PAIRS",
    "Apart",
    "Neighbours",
    "bulk_floor",
    "cosines",
    "neighbours",
    "unit",
]
