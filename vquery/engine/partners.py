"""Steps that tell each left row of its partners: nearest, how many, which."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from vquery.engine.amounts import amount_on
from vquery.engine.arrays import ints, join_codes, take, usual_order
from vquery.engine.joins import matched_counts, matched_pairs
from vquery.engine.merging import merged
from vquery.errors import QueryError
from vquery.expr.expression import Literal
from vquery.expr.partners import CollectBy, CountOverlaps, Nearest
from vquery.schema import US_PER_S
from vquery_kernels.nearest import nearest as nearest_kernel

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from vquery.engine.running.executor import Executor
    from vquery.expr.relations import Relation
    from vquery.plan.steps import Step

    Numbers = npt.NDArray[Any]

LONGEST = 2**31 - 1
"""Partners that all lists of a column may hold together."""


def nearest(run: Executor, step: Step, left: pa.Table, right: pa.Table) -> pa.Table:
    """Merge each left row with its nearest right rows; ties go by the usual order."""
    node: Nearest = step.node  # type: ignore[assignment]
    limit = None
    if node.max_gap is not None:
        limit = amount_on(run, "time", node.left, node.max_gap, left)
    assert isinstance(node.k, Literal)
    order = usual_order(right)
    ordered = right if order is None else take(right, order)
    names = ("video", *node.by)
    codes = join_codes([left[name] for name in names], [ordered[name] for name in names])
    near = nearest_kernel(
        *(codes[0], ints(left["start_us"]), ints(left["end_us"])),
        *(codes[1], ints(ordered["start_us"]), ints(ordered["end_us"])),
        k=node.k.value,
        direction=node.direction,
        max_gap=None if limit is None else int(np.max(limit, initial=0)),
        overlapping=node.overlap,
    )
    left_rows, right_rows, gap = near.left_row, near.right_row, near.gap
    if limit is not None and np.ndim(limit):  # it differs between videos
        close = gap <= limit[left_rows]
        left_rows, right_rows, gap = left_rows[close], right_rows[close], gap[close]
    right_rows = right_rows if order is None else order[right_rows]
    gaps = {node.gap: pa.array(gap / US_PER_S)}
    return merged(run, step, left, right, left_rows, right_rows, given=gaps)


def count_overlaps(run: Executor, step: Step, left: pa.Table, right: pa.Table) -> pa.Table:
    """Add the number of partners of each left row."""
    node: CountOverlaps = step.node  # type: ignore[assignment]
    columns = {name: left[name] for name in step.columns if name != node.column}
    if node.column in step.columns:
        columns[node.column] = pa.array(matched_counts(run, step, left, right))
    if run.traced:
        left_rows, right_rows = matched_pairs(run, step, left, right)
        run.trace(step, 1, right_rows, left_rows)
    schema = pa.schema([node.schema.field(name) for name in step.columns])
    return pa.table([columns[name] for name in step.columns], schema=schema)


def collect_by(run: Executor, step: Step, left: pa.Table, right: pa.Table) -> pa.Table:
    """Add a list of the partners of each left row, in the usual order."""
    node: CollectBy = step.node  # type: ignore[assignment]
    order = usual_order(right)
    ordered = right if order is None else take(right, order)
    left_rows, right_rows = matched_pairs(run, step, left, ordered)
    if left_rows.size > LONGEST:
        raise QueryError(
            f"collect_by(): {left_rows.size:,} partners do not fit into one column of lists: join()"
            " instead, or take fewer rows at a time"
        )
    counts = np.bincount(left_rows, minlength=left.num_rows)
    kept = np.arange(left.num_rows) if node.keep_empty else np.flatnonzero(counts)
    run.trace(step, 0, kept)
    if run.traced:
        given = right_rows if order is None else order[right_rows]
        run.trace(step, 1, given, np.searchsorted(kept, left_rows))
    table = take(left.select([name for name in step.columns if name != node.column]), kept)
    if node.column not in step.columns:
        return table
    ends = np.concatenate([[0], np.cumsum(counts[kept])])
    lists = _lists(node, ordered, right_rows, ends)
    return table.append_column(node.schema.field(node.column), lists).select(list(step.columns))


def _lists(node: CollectBy, right: pa.Table, rows: Numbers, ends: Numbers) -> pa.Array:
    chosen = pa.array(rows)
    columns = [right[each.name].take(chosen).combine_chunks() for each in node.fields]
    structs = pa.StructArray.from_arrays(columns, fields=node.fields)
    dtype = node.schema.field(node.column).type
    return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), structs, type=dtype)


RUNNERS: dict[type[Relation], Callable[..., pa.Table]] = {
    Nearest: nearest,
    CountOverlaps: count_overlaps,
    CollectBy: collect_by,
}
