"""Solutions on a graph: labels spread from seeds to all other nodes."""

from vquery.graph.solve.gradients import conjugate_gradients
from vquery.graph.solve.harmonic import Harmonic
from vquery.graph.solve.poisson import Poisson
from vquery.graph.solve.report import SolveReport
from vquery.graph.solve.spreading import Spreading

Solver = Harmonic | Spreading | Poisson
"""Anything that solves one graph for one set of seed nodes."""

__all__ = ["Harmonic", "Poisson", "SolveReport", "Solver", "Spreading", "conjugate_gradients"]
