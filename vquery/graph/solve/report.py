"""What a solver did, kept beside every solution."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class SolveReport:
    """What the solver did.

    Attributes
    ----------
    method
        How it was solved.
    iterations
        The most that any solve took; 0 when factorised.
    residual
        The largest relative one of any column at the end.
    converged
        Whether every solve came down to its tolerance.
    unsure_nodes
        Nodes whose own residual is still not small against their own scores: the order of their
        classes may change when the solution is made more exact.

    >>> report = SolveReport("conjugate gradients")
    >>> report.add(7, 1e-3, tol=1e-5, final=True)
    >>> report.iterations, report.residual, report.converged
    (7, 0.001, False)
    """

    method: str = "direct"
    iterations: int = 0
    residual: float = 0.0
    converged: bool = True
    unsure_nodes: int = 0

    def add(
        self, iterations: int, residual: float, tol: float, *, final: bool, unsure: int = 0
    ) -> None:
        """Take one more solve into account; a rough one (not ``final``) leaves the residual."""
        self.iterations = max(self.iterations, iterations)
        if final:
            self.residual = max(self.residual, residual)
            self.unsure_nodes = max(self.unsure_nodes, unsure)
        self.converged = self.converged and residual <= tol
