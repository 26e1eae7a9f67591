"""Runs a plan step by step."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from vquery.engine import grouping, joins, matches, rows
from vquery.engine.session import Session
from vquery.expr.pairs import Join

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt
    import pyarrow as pa

    from vquery.expr.relations import Relation
    from vquery.plan.steps import Step

RUNNERS: dict[type[Relation], Callable[..., pa.Table]] = {
    **rows.RUNNERS,
    **joins.RUNNERS,
    **grouping.RUNNERS,
    **matches.RUNNERS,
}
"""How each kind of node is run: ``runner(executor, step, *input tables)``."""


@dataclass(slots=True)
class Actual:
    """What a step did: rows given back, seconds without its inputs, rows dropped by reason."""

    rows: int = 0
    seconds: float = 0.0
    dropped: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Origin:
    """Row ``rows[i]`` of an input contributed to row ``outputs[i]`` of what a step gave."""

    rows: npt.NDArray[Any]
    outputs: npt.NDArray[Any]


class Executor:
    """Runs the steps of one plan; a step that occurs twice runs once.

    With ``traced`` it also keeps what each step gave and from which rows of its inputs.
    """

    def __init__(self, root: Step, *, traced: bool = False) -> None:
        self.root = root
        self.traced = traced
        self.origins: dict[tuple[int, int], Origin] = {}
        self.session = Session()
        self.actual: dict[int, Actual] = {}
        self._results: dict[int, pa.Table] = {}
        steps = list(all_steps(root))
        self._uses = Counter(id(each) for step in steps for each in step.inputs)
        self._sources = rows.SourceReader(steps)

    def __enter__(self) -> Executor:
        return self

    def __exit__(self, *exception: object) -> None:
        self._results.clear()
        self.session.close()

    def run(self) -> pa.Table:
        """Run the plan; rows come in the order in which its operations give rows."""
        return self._table(self.root)

    def count(self) -> int:
        """Count the rows of the result, for a join without making them."""
        node = self.root.node
        if isinstance(node, Join) and not joins.drops_pairs(node):
            inputs = [self._table(step) for step in self.root.inputs]
            return joins.count_pairs(self, self.root, *inputs)
        return int(self._table(self.root).num_rows)

    def read(self, step: Step) -> pa.Table:
        """Rows of a source, each source read once for all steps that need it."""
        return self._sources.read(step)

    def drop(self, step: Step, reason: str, number: int) -> None:
        """Count rows that a step left out because they could not exist."""
        if number:
            self.actual.setdefault(id(step), Actual()).dropped[reason] += number

    def trace(
        self,
        step: Step,
        place: int,
        rows: npt.NDArray[Any],
        outputs: npt.NDArray[Any] | None = None,
    ) -> None:
        """Tell which rows of the input number ``place`` contributed to which rows of the result.

        Row numbers count in the tables as the runner got and gave them; without ``outputs`` row
        ``rows[i]`` became row ``i``. A step that tells nothing gives its rows one for one.
        """
        if self.traced:
            made = np.arange(len(rows)) if outputs is None else outputs
            self.origins[id(step), place] = Origin(np.asarray(rows), np.asarray(made))

    def result(self, step: Step) -> pa.Table:
        """Give back what a step of a traced plan gave."""
        return self._results[id(step)]

    def dropped(self) -> dict[str, int]:
        """All rows left out, by reason."""
        total: Counter[str] = Counter()
        for actual in self.actual.values():
            total.update(actual.dropped)
        return dict(total)

    def _table(self, step: Step) -> pa.Table:
        if id(step) not in self._results:
            inputs = [self._table(each) for each in step.inputs]
            started = time.perf_counter()
            result = RUNNERS[type(step.node)](self, step, *inputs)
            actual = self.actual.setdefault(id(step), Actual())
            actual.seconds = time.perf_counter() - started
            actual.rows = result.num_rows
            self._results[id(step)] = result
        self._uses[id(step)] -= 1
        # what nobody else needs goes, unless somebody wants to look at it afterwards
        last = self._uses[id(step)] <= 0 and not self.traced
        return self._results.pop(id(step)) if last else self._results[id(step)]


def all_steps(root: Step) -> Iterator[Step]:
    """Every step of a plan once."""
    seen: set[int] = set()
    pending: list[Any] = [root]
    while pending:
        step = pending.pop()
        if id(step) not in seen:
            seen.add(id(step))
            yield step
            pending.extend(step.inputs)
