"""Why-not: the first step of a query that dropped an interval, with the values that failed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from vquery.engine.trust.asked import asked as as_asked
from vquery.engine.trust.drops import nothing_there, reason
from vquery.engine.trust.texts import rows_text, span_text
from vquery.engine.trust.trail import Trail
from vquery.expr.pairs import Join, SemiJoin
from vquery.expr.relations import Relation, Scan
from vquery.expr.spans import Complement, SplitAt
from vquery.view.page import fragment, paragraph, table_html

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vquery.engine.trust.asked import Asked
    from vquery.engine.trust.drop import Drop
    from vquery.plan.steps import Step


@dataclass(frozen=True, slots=True)
class WhyNot:
    """Why an interval is not in a result.

    Attributes
    ----------
    interval
        What was asked about: video, start_us, end_us.
    step
        Name of the first step that dropped it; None where the result has rows there.
    reason
        What failed, with the values.
    values
        The values by name: columns of the row that came nearest, ``gap`` in seconds and so on.
    rows
        The rows concerned, written out.
    found
        Rows of the result that overlap the interval.
    others
        What else stood in the way: other branches of the query, later steps.
    """

    interval: dict[str, Any]
    step: str | None
    reason: str
    values: dict[str, Any]
    rows: tuple[str, ...]
    found: pa.Table
    others: tuple[Drop, ...] = field(default=())

    def __str__(self) -> str:
        lines = [f"{span_text(self.interval)}: {self.reason}"]
        if self.step is not None:
            lines = [f"{span_text(self.interval)} dropped by {self.step}: {self.reason}"]
        lines += [f"  {row}" for row in self.rows]
        for each in self.others:
            lines.append(f"also {each.step}: {each.reason}")
            lines += [f"  {row}" for row in each.rows]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        drops = [(self.step or "–", self.reason, "; ".join(self.rows))]
        drops += [(each.step, each.reason, "; ".join(each.rows)) for each in self.others]
        return fragment(
            paragraph(span_text(self.interval)), table_html(["step", "reason", "rows"], drops)
        )


def why_not(relation: Relation, interval: Any, params: Mapping[str, Any] | None = None) -> WhyNot:
    """Find the first step that dropped an interval."""
    asked = as_asked(interval)
    with Trail(relation, params, asked.video) as trail:
        result = trail.table(trail.root)
        rows = asked.overlapping(result)
        found = result.take(pa.array(rows))
        if rows.size:
            shown = tuple(rows_text(result, rows))
            return WhyNot(asked.row, None, "the result has it", {}, shown, found)
        first, *others = _ordered(_Search(trail, asked).drops(trail.root))
        return WhyNot(
            asked.row, first.step, first.reason, first.values, first.rows, found, tuple(others)
        )


def _ordered(drops: list[Drop]) -> list[Drop]:
    """Put first what another threshold would have kept, else what stands first in the plan."""
    near = [each for each in drops if each.near]
    return [*near, *(each for each in drops if not each.near)]


class _Search:
    """Walks down from the result to where rows still lie at the interval."""

    def __init__(self, trail: Trail, asked: Asked) -> None:
        self._trail = trail
        self._asked = asked
        self._known: dict[int, list[Drop]] = {}

    def drops(self, step: Step) -> list[Drop]:
        """List the steps that dropped it, at or below one, in the order in which they ran."""
        if id(step) not in self._known:
            self._known[id(step)] = self._found(step)
        shared = self._known[id(step)]
        self._known[id(step)] = []  # a step that occurs twice is told of once
        return shared

    def _found(self, step: Step) -> list[Drop]:
        if isinstance(step.node, Scan):
            return [nothing_there(self._trail, step, self._asked)]
        carrying = step.inputs
        if _keeps_first(step.node):
            carrying = step.inputs[:1]  # rows of the other side never come out
        alive = [each for each in carrying if self._lives(each)]
        if not alive:
            return [drop for each in carrying for drop in self.drops(each)]
        missing = [each for each in self._needed(step) if not self._lives(each)]
        below = [drop for each in missing for drop in self.drops(each) if drop.near]
        return [*below, reason(self._trail, step, self._asked)]

    def _needed(self, step: Step) -> tuple[Step, ...]:
        """List the inputs without whose rows a step gives none."""
        node = step.node
        needed = isinstance(node, Join) or (isinstance(node, SemiJoin) and not node.negated)
        return step.inputs if needed else ()

    def _lives(self, step: Step) -> bool:
        return bool(self._asked.overlapping(self._trail.table(step)).size)


def _keeps_first(node: Relation) -> bool:
    """Whether the rows of a step are those of its first input, whatever its kind."""
    left = hasattr(node, "left") and not isinstance(node, Join)
    return left or isinstance(node, (Complement, SplitAt))
