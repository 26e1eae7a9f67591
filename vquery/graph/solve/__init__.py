"""Solutions on a graph: labels spread from seeds to all other nodes."""

from vquery.graph.solve.harmonic import Harmonic, SolveReport, conjugate_gradients

__all__ = ["Harmonic", "SolveReport", "conjugate_gradients"]
