"""How a query is to be run, as a caller says it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vquery.engine.running.batches import LARGE, Running
from vquery.engine.running.executor import all_steps
from vquery.engine.running.reading import Sources
from vquery.errors import QueryError
from vquery.expr.node import walk
from vquery.expr.predicates import Udf
from vquery_kernels import threads

if TYPE_CHECKING:
    from vquery.engine.running.memory import Memory
    from vquery.plan.steps import Step


@dataclass(frozen=True, slots=True)
class Settings:
    """Checked arguments of ``collect``, see :meth:`vquery.engine.intervals.Intervals.collect`."""

    workers: int | None = None
    on_error: str = "raise"
    cache: Any = False
    progress: bool | None = None

    def __post_init__(self) -> None:
        whole = isinstance(self.workers, int) and not isinstance(self.workers, bool)
        if self.workers is not None and (not whole or self.workers < 1):
            raise QueryError(
                f"workers= must be a whole number of at least 1, got {self.workers!r}: leave it out"
                " to use what suits the size of the query"
            )
        if self.on_error not in ("raise", "skip"):
            raise QueryError(f"on_error= must be 'raise' or 'skip', got {self.on_error!r}")
        if self.progress not in (None, True, False):
            raise QueryError(f"progress= must be True, False or None, got {self.progress!r}")

    def running(self, root: Step) -> Running:
        """Decide how a plan is run."""
        return Running(
            workers=self._workers(root),
            skip=self.on_error == "skip",
            memory=_memory(self.cache, root),
        )

    def _workers(self, root: Step) -> int:
        if self.workers is not None:
            return self.workers
        large = Sources(all_steps(root)).rows() >= LARGE
        if not large or any(isinstance(each, Udf) for each in walk(root.node)):
            return 1  # functions of users may not expect to be called side by side
        return threads.workers()


def _memory(given: Any, root: Step) -> Memory | None:
    if given is False:
        return None
    from vquery.engine.running.cache import cache_of
    from vquery.engine.running.memory import Memory

    return Memory(cache_of(given), root)


USUAL = Settings()
"""What suits the size of the query; errors are raised, nothing is kept."""
