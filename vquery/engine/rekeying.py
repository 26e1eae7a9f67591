"""Steps that give videos other names, and samples: concat, rekey, rekey_back, sample."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.engine.arrays import as_type, group_codes, ints, take, usual_order
from vquery.engine.rows import compute, with_times
from vquery.expr.expression import Expression, Literal, call
from vquery.expr.rekeying import COLLECTION, ORIGIN, Concat, Rekey, RekeyBack, renamed_videos
from vquery.expr.relations import Relation, Sample
from vquery.plan.steps import keeps_own_order

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from vquery.engine.running.executor import Executor
    from vquery.plan.steps import Step

NO_KEY = "rows without a key"
NO_SHIFT = "rows without a shift"
NO_ORIGIN = "rows that no rekey() has brought here"


def concat(run: Executor, step: Step, *given: pa.Table) -> pa.Table:
    """All rows, one relation after the other, under names of their own."""
    node: Concat = step.node  # type: ignore[assignment]
    schema = pa.schema([node.schema.field(name) for name in step.columns])
    parts: list[pa.Table] = []
    before = 0
    for place, (name, table) in enumerate(zip(node.names, given, strict=True)):
        run.trace(step, place, np.arange(table.num_rows), before + np.arange(table.num_rows))
        before += table.num_rows
        made = {
            "video": renamed_videos(table["video"], name),
            COLLECTION: pa.repeat(name, table.num_rows),
        }
        columns = []
        for field in schema:
            column = made.get(field.name)
            if column is None and field.name in table.column_names:
                column = table[field.name].cast(field.type)
            columns.append(pa.nulls(table.num_rows, field.type) if column is None else column)
        parts.append(pa.table(columns, schema=schema))
    return pa.concat_tables(parts)


def rekey(run: Executor, step: Step, given: pa.Table) -> pa.Table:
    """Put the key in the place of the video and move the times."""
    node: Rekey = step.node  # type: ignore[assignment]
    shift: Expression = call("microseconds", node.shift)
    made = compute(run, node.input, {"key": node.key, "shift": shift}, given)
    known, moved = pc.is_valid(made["key"]), pc.is_valid(made["shift"])
    keep = pc.and_(known, moved)
    run.drop(step, NO_KEY, pc.sum(pc.invert(known)).as_py() or 0)
    run.drop(step, NO_SHIFT, pc.sum(pc.and_not(known, moved)).as_py() or 0)
    run.trace(step, 0, np.flatnonzero(keep.to_numpy()))
    table, key = given.filter(keep), made["key"].filter(keep)
    shift_us = made["shift"].filter(keep).cast(pa.int64())
    origin = dict(zip(ORIGIN, (table["video"], shift_us), strict=True))
    by = ints(shift_us)
    table = with_times(table, ints(table["start_us"]) + by, ints(table["end_us"]) + by)
    table = _with_video(table, node.schema.field("video"), key)
    for name, column in origin.items():
        if name in step.columns:
            table = table.append_column(node.schema.field(name), column)
    return table.select(list(step.columns))


def rekey_back(run: Executor, step: Step, given: pa.Table) -> pa.Table:
    """Put the video back and move the times back."""
    node: RekeyBack = step.node  # type: ignore[assignment]
    video, shift = (given[name] for name in ORIGIN)
    keep = pc.and_(pc.is_valid(video), pc.is_valid(shift))
    run.drop(step, NO_ORIGIN, pc.sum(pc.invert(keep)).as_py() or 0)
    run.trace(step, 0, np.flatnonzero(keep.to_numpy()))
    table, by = given.filter(keep), ints(shift.filter(keep))
    table = with_times(table, ints(table["start_us"]) - by, ints(table["end_us"]) - by)
    table = _with_video(table, node.schema.field("video"), video.filter(keep))
    return table.select(list(step.columns))


def _with_video(table: pa.Table, field: pa.Field, column: pa.ChunkedArray) -> pa.Table:
    made = as_type(column, field.type)
    return table.set_column(table.schema.get_field_index("video"), field, made)


def sample(run: Executor, step: Step, given: pa.Table) -> pa.Table:
    """Keep the rows that draw the smallest numbers of their group."""
    node: Sample = step.node  # type: ignore[assignment]
    order = None if keeps_own_order(node.input) else usual_order(given)
    drawn = np.random.default_rng(node.seed).random(given.num_rows)
    if order is not None:
        drawn[order] = drawn.copy()
    nothing = np.zeros(given.num_rows, dtype=np.int64)
    groups = group_codes([given[name] for name in node.by]) if node.by else nothing
    ranked = np.lexsort((drawn, groups))
    sizes = np.bincount(groups)
    first = np.cumsum(sizes) - sizes
    place = np.empty_like(nothing)
    place[ranked] = np.arange(ranked.size) - first[groups[ranked]]
    rows = np.flatnonzero(place < _wanted(node, sizes)[groups])
    run.trace(step, 0, rows)
    return take(given.select(list(step.columns)), rows)


def _wanted(node: Sample, sizes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Rows to keep of each group."""
    if node.count is not None:
        assert isinstance(node.count, Literal)
        return np.full(sizes.size, int(min(node.count.value, 2**62)))
    assert isinstance(node.fraction, Literal)
    share: npt.NDArray[np.int64] = np.floor(node.fraction.value * sizes + 0.5).astype(np.int64)
    return share


RUNNERS: dict[type[Relation], Callable[..., pa.Table]] = {
    Concat: concat,
    Rekey: rekey,
    RekeyBack: rekey_back,
    Sample: sample,
}
