"""Solutions on a graph: labels spread from seeds to all other nodes."""

from vquery.graph.solve.gradients import conjugate_gradients
from vquery.graph.solve.harmonic import Harmonic
from vquery.graph.solve.report import SolveReport

Solver = Harmonic
"""Anything that solves one graph for one set of seed nodes."""

__all__ = ["Harmonic", "SolveReport", "Solver", "conjugate_gradients"]
