"""Pairs of rows to merged rows: bounds by the merge operation, then the columns of both sides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from vquery.engine.arrays import Floats, Ints, floats, ints, take, whole
from vquery.expr.expression import Call, Column
from vquery.expr.pairs import pair_scope
from vquery.expr.placeholders import When
from vquery.expr.predicates import LEFT, RIGHT
from vquery.expr.types import has_box
from vquery.schema import BOX, KEYS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vquery.engine.running.executor import Executor
    from vquery.expr.expression import Expression
    from vquery.expr.pairs import Join
    from vquery.expr.partners import Nearest
    from vquery.plan.steps import Step

    Rows = npt.NDArray[np.signedinteger[Any]]
    Boxes = dict[str, Floats]
    Mask = npt.NDArray[np.bool_]

APART = "pairs that share no time"
BOXES_APART = "pairs whose boxes share no area"


@dataclass(frozen=True, slots=True)
class Pairs:
    """Row numbers of pairs in the tables of both sides."""

    left: pa.Table
    right: pa.Table
    left_rows: Rows
    right_rows: Rows

    @property
    def sides(self) -> list[tuple[pa.Table, Rows]]:
        """Both tables with the row numbers in them."""
        return [(self.left, self.left_rows), (self.right, self.right_rows)]

    def side(self, name: str) -> tuple[pa.Table, Rows]:
        """One table with the row numbers in it."""
        return self.sides[name == RIGHT]

    def kept(self, keep: Mask) -> Pairs:
        """Pairs without some."""
        return Pairs(self.left, self.right, self.left_rows[keep], self.right_rows[keep])


def merged(
    run: Executor,
    step: Step,
    left: pa.Table,
    right: pa.Table,
    left_rows: Rows,
    right_rows: Rows,
    *,
    given: Mapping[str, pa.Array] | None = None,
) -> pa.Table:
    """Rows of a join from the row numbers of its pairs, all pairs of a left row together.

    ``given`` are columns of the pairs that the merge operation does not know of. A left join
    looks for the left rows without a pair, so it must be handed all pairs of these left rows.
    """
    node: Join | Nearest = step.node  # type: ignore[assignment]
    pairs, more = Pairs(left, right, left_rows, right_rows), dict(given or {})
    keep = _existing(run, step, pairs)
    if keep is not None:
        pairs = pairs.kept(keep)
        more = {name: values.filter(pa.array(keep)) for name, values in more.items()}
    table = _pair_table(run, step, pairs, more)
    if node.how != LEFT:
        run.trace(step, 0, pairs.left_rows)
        run.trace(step, 1, pairs.right_rows)
        return table
    return _with_lonely(run, step, pairs, table)


def _pair_table(run: Executor, step: Step, pairs: Pairs, more: dict[str, pa.Array]) -> pa.Table:
    node: Join | Nearest = step.node  # type: ignore[assignment]
    made: dict[str, Any] = more | _bounds(step, pairs) | _computed(run, step, pairs)
    numbers = {LEFT: pa.array(pairs.left_rows), RIGHT: pa.array(pairs.right_rows)}
    columns, fields = [], []
    for output in node.outputs:
        if output.field.name not in step.columns:
            continue
        fields.append(output.field)
        if output.side is None:
            columns.append(made[output.field.name])
        else:
            table, _ = pairs.side(output.side)
            columns.append(table[output.source].take(numbers[output.side]))
    return pa.table(columns, schema=pa.schema(fields))


def _with_lonely(run: Executor, step: Step, pairs: Pairs, table: pa.Table) -> pa.Table:
    """Add the left rows that made no pair, each at its place among the others."""
    node: Join | Nearest = step.node  # type: ignore[assignment]
    found = np.zeros(pairs.left.num_rows, dtype=np.bool_)
    found[pairs.left_rows] = True
    lonely = np.flatnonzero(~found)
    left_rows = np.concatenate([pairs.left_rows, lonely])
    order = np.argsort(left_rows, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(order.size)
    run.trace(step, 0, left_rows[order])
    run.trace(step, 1, pairs.right_rows, place[: pairs.right_rows.size])
    if not lonely.size:
        return table if (order == np.arange(order.size)).all() else take(table, order)
    rows, columns = pa.array(lonely), []
    for output in node.outputs:
        if output.field.name not in step.columns:
            continue
        if output.side == RIGHT or output.source not in pairs.left.column_names:
            columns.append(pa.nulls(lonely.size, output.field.type))
        else:
            columns.append(pairs.left[output.source].take(rows).cast(output.field.type))
    alone = pa.table(columns, schema=table.schema)
    return take(pa.concat_tables([table, alone]), order)


def _bounds(step: Step, pairs: Pairs) -> dict[str, pa.Array]:
    bounds = {}
    if set(KEYS[1:]) & set(step.columns):
        bounds = dict(zip(KEYS[1:], map(pa.array, _times(step, pairs)), strict=True))
    boxes = _boxes(step, pairs)
    return bounds | {name: pa.array(edge, from_pandas=True) for name, edge in boxes.items()}


def _times(step: Step, pairs: Pairs) -> tuple[Ints, Ints]:
    node: Join | Nearest = step.node  # type: ignore[assignment]
    how = node.merge.time
    if how in (LEFT, RIGHT):
        table, rows = pairs.side(how)
        return ints(table["start_us"])[rows], ints(table["end_us"])[rows]
    starts, ends = ([ints(table[key])[rows] for table, rows in pairs.sides] for key in KEYS[1:])
    if how == "span":
        return np.minimum(*starts), np.maximum(*ends)
    return np.maximum(*starts), np.minimum(*ends)


def _boxes(step: Step, pairs: Pairs) -> Boxes:
    """Merge boxes; a row without a box takes the other's."""
    node: Join | Nearest = step.node  # type: ignore[assignment]
    if not set(BOX) & set(step.columns):
        return {}
    boxes: Boxes = {}
    for how, names in ((node.merge.x, ("x1", "x2")), (node.merge.y, ("y1", "y2"))):
        sides = [pairs.side(how)] if how in (LEFT, RIGHT) else pairs.sides
        with_box = [(table, rows) for table, rows in sides if has_box(table.schema)]
        low, high = (np.fmax, np.fmin) if how == "intersection" else (np.fmin, np.fmax)
        for name, function in zip(names, (low, high), strict=True):
            values = [floats(table[name])[rows] for table, rows in with_box]
            boxes[name] = values[0] if len(values) == 1 else function(*values)
    if node.merge.x != node.merge.y:  # half a box is none
        missing = np.isnan(boxes["x1"]) | np.isnan(boxes["y1"])
        boxes = {name: np.where(missing, np.float32(np.nan), each) for name, each in boxes.items()}
    return boxes


def _existing(run: Executor, step: Step, pairs: Pairs) -> Mask | None:
    """Which pairs have an intersection, where the merge operation asks for one."""
    node: Join | Nearest = step.node  # type: ignore[assignment]
    keep = None
    if node.merge.time == "intersection":
        keep = _share_time(step, pairs)
        run.drop(step, APART, int((~keep).sum()))
    axes = [axis for axis in node.merge.intersected if axis != "time"]
    if axes and all(has_box(table.schema) for table, _ in pairs.sides):
        box = _share_box(pairs, axes)
        among = box if keep is None else box | ~keep
        run.drop(step, BOXES_APART, int((~among).sum()))
        keep = box if keep is None else keep & box
    return keep


def _share_time(step: Step, pairs: Pairs) -> Mask:
    """Whether spans overlap: more than a point is shared, or the point is one side's instant."""
    start, end = _times(step, pairs)
    last = []
    for table, rows in pairs.sides:
        starts, ends = ints(table["start_us"]), ints(table["end_us"])
        last.append(np.maximum(ends, starts + 1)[rows])
    shared: Mask = (start <= end) & (start < np.minimum(*last))
    return shared


def _share_box(pairs: Pairs, axes: list[str]) -> Mask:
    """Whether boxes share something on each of the axes, or one of them is missing."""
    apart = np.zeros(pairs.left_rows.size, dtype=np.bool_)
    for axis in axes:
        (a1, b1), (a2, b2) = (
            [floats(table[f"{axis}{end}"])[rows] for table, rows in pairs.sides] for end in (1, 2)
        )
        apart |= (a1 >= b2) | (b1 >= a2)
    return ~apart  # comparisons with a missing edge are false


def _computed(run: Executor, step: Step, pairs: Pairs) -> dict[str, pa.ChunkedArray]:
    """Columns that are computed from both rows: the score, and those with a rule of their own."""
    node: Join | Nearest = step.node  # type: ignore[assignment]
    wanted = {name: each for name, each in node.computed.items() if name in step.columns}
    made: dict[str, Any] = {}
    if "score" in wanted and node.score is not None:
        score = _plain_score(node.score, pairs)
        if score is not None:
            made["score"] = score
            del wanted["score"]
    if not wanted:
        return made
    numbers = {LEFT: pa.array(pairs.left_rows), RIGHT: pa.array(pairs.right_rows)}

    def fetch(column: Column) -> pa.ChunkedArray:
        side = str(column.side)
        return pairs.side(side)[0][column.name].take(numbers[side])

    scope = pair_scope(node.left, node.right)
    return made | run.session.compute(wanted, scope, fetch, pairs.left_rows.size)


PLAIN: dict[str, Any] = {"least": np.fmin, "greatest": np.maximum, "*": np.multiply}


def _plain_score(score: Expression, pairs: Pairs) -> pa.Array | None:
    """Compute a usual score without the database, where all scores are there and of one type."""
    columns = [table["score"] for table, _ in pairs.sides if "score" in table.column_names]
    types = {column.type for column in columns}
    alike = len(columns) == 2 and len(types) == 1 and pa.types.is_floating(columns[0].type)
    if not alike or any(column.null_count for column in columns) or not isinstance(score, When):
        return None
    rule = score.default  # its cases are about nulls

    def values(column: Column) -> npt.NDArray[Any]:
        table, rows = pairs.side(str(column.side))
        taken: npt.NDArray[Any] = whole(table["score"]).to_numpy()[rows]
        return taken

    if isinstance(rule, Column) and rule.name == "score":
        return pa.array(values(rule))
    if not isinstance(rule, Call) or rule.operation not in PLAIN or len(rule.arguments) != 2:
        return None
    first, second = rule.arguments
    if not isinstance(first, Column) or not isinstance(second, Column):
        return None
    if (first.name, second.name) != ("score", "score"):
        return None
    return pa.array(PLAIN[rule.operation](values(first), values(second)))
