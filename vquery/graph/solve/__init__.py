"""Solutions on a graph: labels spread from seeds to all other nodes."""

from vquery.graph.solve.gradients import conjugate_gradients
from vquery.graph.solve.harmonic import Harmonic
from vquery.graph.solve.report import SolveReport

__all__ = ["Harmonic", "SolveReport", "conjugate_gradients"]
