"""Which partner a row has or nearly has, and which parts of a predicate fail for the pair."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from vquery.engine.arrays import ints
from vquery.engine.trust.failing import nearest_miss, tests
from vquery.engine.trust.texts import seconds, value_text
from vquery.expr.expression import Call, Column, Literal
from vquery.expr.pairs import pair_scope
from vquery.expr.predicates import LEFT, Every, Predicate, Traced, same
from vquery.expr.time import TimeRelation
from vquery.plan.rewrite import conjuncts

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from vquery.engine.trust.failing import Failure, Test
    from vquery.engine.trust.trail import Trail
    from vquery.expr.expression import Expression
    from vquery.plan.steps import Step

    Rows = npt.NDArray[np.int64]

MOST_PAIRS = 200_000
MOST_COMPARED = 1_000


@dataclass(frozen=True, slots=True)
class Pair:
    """Two rows and why they are no pair; no reasons where they are one."""

    left: int
    right: int
    gap: int
    reasons: tuple[str, ...]
    values: dict[str, Any]


class Partners:
    """Pairs of some left rows with some right rows of a step, each tested part by part."""

    def __init__(self, trail: Trail, step: Step, left: Rows, right: Rows) -> None:
        right = right[: max(MOST_PAIRS // max(left.size, 1), 1)]
        self._trail = trail
        self._tables = [trail.table(each) for each in step.inputs[:2]]
        self.left = np.repeat(left, right.size)
        self.right = np.tile(right, left.size)
        self.scope = pair_scope(step.node.left, step.node.right)  # type: ignore[attr-defined]
        self._parts = parts_of(step.node.predicate)  # type: ignore[attr-defined]
        self._parts += [same(name) for name in getattr(step.node, "by", ())]
        self._tests: list[list[Test]] = [tests(each.lower(), self._compute) for each in self._parts]
        self.gaps = self._gaps()

    def matches(self) -> Rows:
        """Numbers of the pairs for which every part holds."""
        keep = np.ones(self.left.size, dtype=np.bool_)
        for checked in self._tests:
            keep &= self._true(checked)
        return np.flatnonzero(keep)

    def _true(self, checked: list[Test]) -> npt.NDArray[np.bool_]:
        keep = np.ones(self.left.size, dtype=np.bool_)
        for each in checked:
            keep &= np.fromiter((value is True for value in each.true), np.bool_, keep.size)
        return keep

    def nearest(self) -> Pair:
        """Describe the pair that comes nearest: fewest parts fail, then the least gap."""
        failing = np.zeros(self.left.size, dtype=np.int64)
        for checked in self._tests:
            failing += ~self._true(checked)
        among = np.flatnonzero(failing == failing.min())
        among = among[self.gaps[among] == self.gaps[among].min()][:MOST_COMPARED].tolist()
        failed = [[one for _, each in self._failed(pair) for one in each] for pair in among]
        return self.pair(among[nearest_miss(failed)])

    def pair(self, number: int) -> Pair:
        """Describe a pair."""
        failed = self._failed(number)
        values: dict[str, Any] = {"gap": self.gaps[number] / 1e6}
        for _, each in failed:
            for one in each:
                values |= one.values
        reasons = tuple(self._reason(place, each, number) for place, each in failed)
        left, right = int(self.left[number]), int(self.right[number])
        return Pair(left, right, int(self.gaps[number]), reasons, values)

    def _failed(self, number: int) -> list[tuple[int, list[Failure]]]:
        found = []
        for place, checked in enumerate(self._tests):
            failed = [each for each in (test.failure(number) for test in checked) if each]
            if failed:
                found.append((place, failed))
        return found

    def _reason(self, place: int, failed: list[Failure], number: int) -> str:
        part = self._parts[place]
        if isinstance(part, TimeRelation) and part.axis == "time":
            return f"{part!r} fails, {self._relation(number)}"
        had = "; ".join(each.text for each in failed)
        if isinstance(part, Traced):
            return had
        value = self._measured(place, number)
        return f"{part!r} fails, {had if value is None else f'it is {value}'}"

    def _measured(self, place: int, number: int) -> str | None:
        """Value of what a part compares with a number, such as the overlap of two boxes."""
        checked = self._tests[place]
        condition = checked[0].part
        plain = isinstance(condition, Call) and isinstance(condition.arguments[-1], Literal)
        if len(checked) != 1 or not plain or checked[0].sides is None:
            return None
        return value_text(checked[0].sides[0][number])

    def _relation(self, number: int) -> str:
        gap = int(self.gaps[number])
        if gap == 0:
            return "they touch or overlap"
        left, right = (table["start_us"] for table in self._tables)
        first = left[int(self.left[number])].as_py() > right[int(self.right[number])].as_py()
        return f"the right row is {seconds(gap)} {'before' if first else 'after'} the left one"

    def _compute(self, asked: Mapping[str, Expression]) -> Mapping[str, Any]:
        def fetch(column: Column) -> pa.ChunkedArray:
            side = column.side == LEFT
            table, rows = (self._tables[0], self.left) if side else (self._tables[1], self.right)
            return table[column.name].take(pa.array(rows))

        return self._trail.run.session.compute(asked, self.scope, fetch, self.left.size)

    def _gaps(self) -> npt.NDArray[np.int64]:
        starts = [ints(table["start_us"]) for table in self._tables]
        ends = [ints(table["end_us"]) for table in self._tables]
        after = starts[1][self.right] - ends[0][self.left]
        before = starts[0][self.left] - ends[1][self.right]
        gaps: npt.NDArray[np.int64] = np.maximum(np.maximum(after, before), 0)
        return gaps


def parts_of(predicate: Predicate | None) -> list[Predicate]:
    """Parts of a predicate that all have to hold.

    >>> from vquery.expr.time import time_overlaps
    >>> parts_of(time_overlaps & (lambda a, b: (a.x1 > 0) & (b.x1 > 0)))
    [time_overlaps, lambda left, right: left.x1 > 0, lambda left, right: right.x1 > 0]
    """
    if predicate is None:
        return []
    if isinstance(predicate, Every):
        return [each for part in predicate.parts for each in parts_of(part)]
    if isinstance(predicate, Traced):
        return [Traced(part) for part in conjuncts(predicate.condition)]
    return [predicate]
