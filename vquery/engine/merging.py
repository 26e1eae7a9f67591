"""Pairs of rows to merged rows: bounds by the merge operation, then the columns of both sides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from vquery.engine.arrays import Floats, Ints, floats, ints
from vquery.expr.pairs import pair_scope
from vquery.expr.predicates import LEFT
from vquery.expr.types import has_box
from vquery.schema import BOX

if TYPE_CHECKING:
    from vquery.engine.executor import Executor
    from vquery.expr.expression import Column
    from vquery.expr.pairs import Join
    from vquery.plan.steps import Step

    Rows = npt.NDArray[np.signedinteger[Any]]
    Boxes = dict[str, Floats]

APART = "pairs that share no time"
BOXES_APART = "pairs whose boxes share no area"


def merged(
    run: Executor,
    step: Step,
    left: pa.Table,
    right: pa.Table,
    left_rows: Rows,
    right_rows: Rows,
) -> pa.Table:
    """Rows of a join from the row numbers of its pairs."""
    node: Join = step.node  # type: ignore[assignment]
    start, end = _times(node, left, right, left_rows, right_rows)
    boxes = _boxes(step, left, right, left_rows, right_rows)
    keep = _existing(run, step, left, right, left_rows, right_rows, (start, end))
    if keep is not None:
        left_rows, right_rows = left_rows[keep], right_rows[keep]
        start, end = start[keep], end[keep]
        boxes = {name: values[keep] for name, values in boxes.items()}
    run.trace(step, 0, left_rows)
    run.trace(step, 1, right_rows)
    bounds = {"start_us": pa.array(start), "end_us": pa.array(end)}
    bounds |= {name: pa.array(values, from_pandas=True) for name, values in boxes.items()}
    sides = {LEFT: (left, pa.array(left_rows))}
    sides["right"] = (right, pa.array(right_rows))
    columns = []
    for output in node.outputs:
        if output.field.name not in step.columns:
            continue
        if output.field.name in bounds:
            columns.append(bounds[output.field.name])
        elif output.side is None:
            columns.append(_score(run, node, sides, len(left_rows)))
        else:
            table, rows = sides[output.side]
            columns.append(table[output.source].take(rows))
    schema = pa.schema([each.field for each in node.outputs if each.field.name in step.columns])
    return pa.table(columns, schema=schema)


def _times(
    node: Join, left: pa.Table, right: pa.Table, left_rows: Rows, right_rows: Rows
) -> tuple[Ints, Ints]:
    how = node.merge.time
    if how in (LEFT, "right"):
        side, rows = (left, left_rows) if how == LEFT else (right, right_rows)
        return ints(side["start_us"])[rows], ints(side["end_us"])[rows]
    starts = ints(left["start_us"])[left_rows], ints(right["start_us"])[right_rows]
    ends = ints(left["end_us"])[left_rows], ints(right["end_us"])[right_rows]
    if how == "span":
        return np.minimum(*starts), np.maximum(*ends)
    return np.maximum(*starts), np.minimum(*ends)


def _boxes(step: Step, left: pa.Table, right: pa.Table, left_rows: Rows, right_rows: Rows) -> Boxes:
    """Merge boxes; a row without a box takes the other's."""
    node: Join = step.node  # type: ignore[assignment]
    if not set(BOX) & set(step.columns):
        return {}
    how = node.merge.box
    if how in (LEFT, "right"):
        side, rows = (left, left_rows) if how == LEFT else (right, right_rows)
        return {name: floats(side[name])[rows] for name in BOX if name in step.columns}
    given = [(t, r) for t, r in ((left, left_rows), (right, right_rows)) if has_box(t.schema)]
    low, high = (np.fmin, np.fmax) if how == "span" else (np.fmax, np.fmin)
    boxes = {}
    for name in BOX:
        values = [floats(table[name])[rows] for table, rows in given]
        function = low if name in ("x1", "y1") else high
        boxes[name] = values[0] if len(values) == 1 else function(*values)
    return {name: values for name, values in boxes.items() if name in step.columns}


def _existing(
    run: Executor,
    step: Step,
    left: pa.Table,
    right: pa.Table,
    left_rows: Rows,
    right_rows: Rows,
    times: tuple[Ints, Ints],
) -> npt.NDArray[np.bool_] | None:
    """Which pairs have an intersection, where the merge operation asks for one."""
    node: Join = step.node  # type: ignore[assignment]
    keep = None
    if node.merge.time == "intersection":
        keep = _share_time(left, right, left_rows, right_rows, times)
        run.drop(step, APART, int((~keep).sum()))
    both = has_box(left.schema) and has_box(right.schema)
    if node.merge.box == "intersection" and both:
        box = _share_box(left, right, left_rows, right_rows)
        among = box if keep is None else box | ~keep
        run.drop(step, BOXES_APART, int((~among).sum()))
        keep = box if keep is None else keep & box
    return keep


def _share_time(
    left: pa.Table, right: pa.Table, left_rows: Rows, right_rows: Rows, times: tuple[Ints, Ints]
) -> npt.NDArray[np.bool_]:
    """Whether spans overlap: more than a point is shared, or the point is one side's instant."""
    start, end = times
    last = []
    for table, rows in ((left, left_rows), (right, right_rows)):
        starts, ends = ints(table["start_us"]), ints(table["end_us"])
        last.append(np.maximum(ends, starts + 1)[rows])
    shared: npt.NDArray[np.bool_] = (start <= end) & (start < np.minimum(*last))
    return shared


def _share_box(
    left: pa.Table, right: pa.Table, left_rows: Rows, right_rows: Rows
) -> npt.NDArray[np.bool_]:
    """Whether boxes share area, or one of them is missing."""
    a = [floats(left[name])[left_rows] for name in BOX]
    b = [floats(right[name])[right_rows] for name in BOX]
    apart = (a[0] >= b[2]) | (b[0] >= a[2]) | (a[1] >= b[3]) | (b[1] >= a[3])
    return ~apart  # comparisons with a missing edge are false


def _score(
    run: Executor, node: Join, sides: dict[str, tuple[pa.Table, pa.Array]], rows: int
) -> pa.ChunkedArray:
    assert node.score is not None

    def fetch(column: Column) -> pa.ChunkedArray:
        table, chosen = sides[str(column.side)]
        return table[column.name].take(chosen)

    scope = pair_scope(node.left, node.right)
    return run.session.compute({"score": node.score}, scope, fetch, rows)["score"]
