"""The step that makes one row of each run of rows: coalesce."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from vquery.engine.amounts import amount_on
from vquery.engine.arrays import as_type, by_first_row, equal_codes, floats, ints, take, usual_order
from vquery.engine.grouping import one_row_each, trace_members
from vquery.engine.rows import compute
from vquery.engine.spans import ends_of
from vquery.expr.groups import Coalesce
from vquery.expr.predicates import Predicate, Same
from vquery.expr.types import has_box
from vquery.plan.program import LEAF_FLOAT, Leaf, parted, program_of
from vquery.schema import BOX, KEYS
from vquery_kernels.coalesce import coalesce as coalesce_kernel
from vquery_kernels.grow import Bounds, Program, grow

if TYPE_CHECKING:
    from collections.abc import Callable

    from vquery.engine.running.executor import Executor
    from vquery.expr.predicates import Predicate, Same
    from vquery.expr.relations import Relation
    from vquery.plan.program import Plan
    from vquery.plan.steps import Step

    Groups = npt.NDArray[np.int64]


def coalesce(run: Executor, step: Step, given: pa.Table) -> pa.Table:
    """Make one row of each run of rows that overlap or lie near each other."""
    node: Coalesce = step.node  # type: ignore[assignment]
    order = usual_order(given)
    if node.axis != "time":
        order = np.arange(given.num_rows) if order is None else order
        order = order[np.argsort(ends_of(given, node.axis)[0][order], kind="stable")]
    given = given if order is None else take(given, order)
    groups = by_first_row(_runs(run, node, given))
    trace_members(run, step, groups, order)
    return one_row_each(run, step, given, groups)


def _runs(run: Executor, node: Coalesce, given: pa.Table) -> Groups:
    """Give each row the number of its run; rows come in the order in which runs grow."""
    same, test = ([], None) if node.where is None else parted(node.where, node.input)
    keys = equal_codes([given[name] for name in ("video", *node.by)])
    keys, alone = _with_same(run, node, given, keys, same)
    start, end = ends_of(given, node.axis)
    alone |= np.isnan(start) if node.axis != "time" else False
    gap = amount_on(run, node.axis, node.input, node.gap, given)
    plain = test is None and node.max_length is None and not np.ndim(gap)
    if plain and not alone.any():
        return coalesce_kernel(keys, start, end, gap)
    runs = -1 - np.arange(keys.size)
    rows = np.flatnonzero(~alone)
    if plain:
        runs[rows] = coalesce_kernel(keys[rows], start[rows], end[rows], gap)
        return runs
    rows = rows[np.argsort(keys[rows], kind="stable")]
    gaps = np.broadcast_to(np.asarray(gap, start.dtype), start.shape)[rows]
    given = take(given, rows)
    longest = _longest(run, node, given, start.dtype)
    program = _program(run, node, given, test)
    runs[rows] = grow(keys[rows], start[rows], end[rows], gaps, longest, _bounds(given), program)
    return runs


def _longest(run: Executor, node: Coalesce, given: pa.Table, dtype: Any) -> npt.NDArray[Any]:
    """Greatest length of a merged run, for each row."""
    most: Any = np.inf if node.axis != "time" else np.iinfo(np.int64).max
    if node.max_length is not None:
        most = amount_on(run, node.axis, node.input, node.max_length, given)
    return np.broadcast_to(np.asarray(most, dtype), given.num_rows)


def _bounds(given: pa.Table) -> Bounds:
    boxed = has_box(given.schema)
    nowhere = np.full(given.num_rows, np.nan, np.float32)
    return Bounds(
        np.stack([ints(given[key]) for key in KEYS[1:]]),
        np.stack([floats(given[name]) if boxed else nowhere for name in BOX]),
    )


def _with_same(
    run: Executor, node: Coalesce, given: pa.Table, keys: Groups, same: list[Same]
) -> tuple[Groups, npt.NDArray[np.bool_]]:
    """Keys with further values; rows that lack one are the same as nothing, so they stay alone."""
    alone = np.zeros(keys.size, np.bool_)
    if not same:
        return keys, alone
    values = {str(number): part.value for number, part in enumerate(same)}
    made = compute(run, node.input, values, given)
    for column in made.values():
        alone |= np.asarray(pc.is_null(column).to_numpy(zero_copy_only=False), np.bool_)
    return equal_codes([pa.chunked_array([pa.array(keys)]), *made.values()]), alone


def _program(run: Executor, node: Coalesce, given: pa.Table, test: Predicate | None) -> Program:
    """Program of a test, with the columns that it reads."""
    if test is None:
        return Program.always(given.num_rows)
    plan = program_of(test, node.input)
    wanted = {str(number): leaf.expression for number, leaf in enumerate(plan.leaves)}
    made = compute(run, node.input, wanted, given) if wanted else {}
    return _filled(plan, [made[name] for name in wanted], given.num_rows)


def _filled(plan: Plan, made: list[pa.ChunkedArray], rows: int) -> Program:
    whole = np.zeros((len(made), rows), np.int64)
    real = np.zeros((len(made), rows), np.float64)
    missing = np.zeros((len(made), rows), np.bool_)
    codes = _codes(plan.leaves, made)
    for number, (leaf, column) in enumerate(zip(plan.leaves, made, strict=True)):
        column = codes.get(number, column)
        missing[number] = pc.is_null(column).to_numpy(zero_copy_only=False)
        if leaf.operation == LEAF_FLOAT:
            real[number] = column.cast(pa.float64()).fill_null(0.0).to_numpy()
        else:
            whole[number] = as_type(column, pa.int64()).fill_null(0).to_numpy()
    return Program(plan.code, plan.whole, plan.real, whole, real, missing, plan.shared)


def _codes(leaves: list[Leaf], made: list[pa.ChunkedArray]) -> dict[int, pa.ChunkedArray]:
    """Texts as their ranks among all texts of the program, so that they compare as numbers."""
    texts = {
        number: made[number].cast(pa.string()) for number, leaf in enumerate(leaves) if leaf.text
    }
    if not texts:
        return {}
    parts = [part for each in texts.values() for part in each.chunks]
    known = pc.unique(pa.chunked_array(parts, pa.string()))  # there may be no part
    known = known.drop_null()
    known = known.take(pc.sort_indices(known))
    return {number: pc.index_in(each, value_set=known) for number, each in texts.items()}


RUNNERS: dict[type[Relation], Callable[..., pa.Table]] = {Coalesce: coalesce}
