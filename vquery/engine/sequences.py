"""Sequences of symbols in partitions of rows, found by an automaton."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from vquery.engine.amounts import amount_on
from vquery.engine.arrays import floats, group_codes, ints, take, truths, usual_order
from vquery.engine.running.session import table_fetch
from vquery.expr.relations import scope_of
from vquery.expr.sequences import Sequence
from vquery.expr.symbols import ANY
from vquery.expr.types import Kind, kind_of
from vquery.schema import BOX
from vquery_kernels.sequence import FAR, Automaton, Found, Limits
from vquery_kernels.sequence import sequence as sequence_kernel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from vquery.engine.running.executor import Executor
    from vquery.expr.expression import Expression
    from vquery.expr.relations import Relation
    from vquery.expr.symbols import SequencePattern
    from vquery.plan.steps import Step

    Rows = npt.NDArray[np.int64]


def sequence(run: Executor, step: Step, given: pa.Table) -> pa.Table:
    """Find the matches of a sequence."""
    node: Sequence = step.node  # type: ignore[assignment]
    order = usual_order(given)
    table = given if order is None else take(given, order)
    group = group_codes([table[name] for name in ("video", *node.by)])
    place = np.argsort(group, kind="stable")
    start, end = ints(table["start_us"]), ints(table["end_us"])
    carries = _carries(run, node, table, end - start)
    limits = ((node.min_gap, 0), (node.max_gap, FAR), (node.within, FAR))
    ticks = [_ticks(run, node, table, *limit)[place] for limit in limits]
    found = _found(node, group[place], start[place], end[place], carries[:, place], ticks)
    rows = place[found.row]
    matches = np.repeat(np.arange(found.bounds.size - 1), np.diff(found.bounds))
    run.trace(step, 0, rows if order is None else order[rows], matches)
    return _made(step, table, rows, found)


def _carries(
    run: Executor, node: Sequence, table: pa.Table, duration: Rows
) -> npt.NDArray[np.bool_]:
    """Say for each symbol of the pattern which rows carry it."""
    conditions = dict(node.symbols)
    computed = {}
    if conditions and table.num_rows:
        scope = scope_of(node.input)
        computed = run.session.compute(conditions, scope, table_fetch(table), table.num_rows)
    shortest = {name: _ticks(run, node, table, value) for name, value in node.min_duration}
    carries = np.ones((len(node.pattern.symbols), table.num_rows), np.bool_)
    for number, name in enumerate(node.pattern.symbols):
        if name != ANY and table.num_rows:
            carries[number] = truths(computed[name])
        if name in shortest:
            carries[number] &= duration >= shortest[name]
    return carries


def _ticks(
    run: Executor, node: Sequence, table: pa.Table, value: Expression | None, otherwise: int = 0
) -> Rows:
    """Return microseconds for each row: frames last as long as those of its video."""
    ticks = otherwise if value is None else amount_on(run, "time", node.input, value, table)
    return np.broadcast_to(np.asarray(ticks, dtype=np.int64), (table.num_rows,))


def _found(
    node: Sequence,
    group: Rows,
    start: Rows,
    end: Rows,
    carries: npt.NDArray[np.bool_],
    limits: Iterable[Rows],
) -> Found:
    """Run the kernel, once for each set of limits; all rows of a partition have the same."""
    given = np.stack(list(limits), axis=1)
    if (given == given[:1]).all():  # sorting rows of several numbers is slow
        sets, which = given[:1] if len(given) else np.zeros((1, 3), np.int64), given[:, 0] * 0
    else:
        sets, which = np.unique(given, axis=0, return_inverse=True)
    machine = automaton(node.pattern)
    which = which.reshape(-1)
    by_set = np.argsort(which, kind="stable")
    edges_of_sets = np.searchsorted(which[by_set], np.arange(len(sets) + 1))
    parts = []
    for number, (min_gap, max_gap, within) in enumerate(sets.tolist()):
        rows = by_set[edges_of_sets[number] : edges_of_sets[number + 1]]
        edges = np.flatnonzero(np.diff(group[rows])) + 1
        found = sequence_kernel(
            np.concatenate(([0], edges, [rows.size] if rows.size else [])).astype(np.int64),
            start[rows],
            end[rows],
            carries[:, rows],
            machine,
            Limits(min_gap, max_gap, within, node.overlap == "allow", node.skip),
            every=node.mode == "all",
        )
        parts.append(Found(found.bounds, rows[found.row], found.symbol))
    return parts[0] if len(parts) == 1 else _by_partition(parts, group)


def _by_partition(parts: list[Found], group: Rows) -> Found:
    """Put the matches of several runs of the kernel into the order of their partitions."""
    row = np.concatenate([part.row for part in parts])
    symbol = np.concatenate([part.symbol for part in parts])
    sizes = np.concatenate([np.diff(part.bounds) for part in parts])
    first = np.cumsum(sizes) - sizes
    order = np.argsort(group[row[first]], kind="stable")
    bounds = np.concatenate(([0], np.cumsum(sizes[order])))
    at = np.repeat(first[order] - bounds[:-1], sizes[order]) + np.arange(row.size)
    return Found(bounds.astype(np.int64), row[at], symbol[at])


def automaton(pattern: SequencePattern) -> Automaton:
    """States and edges of a pattern as arrays; symbols are numbered as the pattern lists them.

    >>> from vquery.expr.symbols import read_sequence
    >>> automaton(read_sequence("a b?")).target
    array([0, 1, 2, 2])
    """
    numbers = {name: number for number, name in enumerate(pattern.symbols)}
    guards: dict[frozenset[str], int] = {frozenset(): 0}
    target, guard = [], []
    for edges in pattern.edges:
        for edge in edges:
            target.append(len(pattern.states) if edge.state is None else edge.state)
            guard.append(guards.setdefault(edge.without, len(guards)))
    forbidden = np.zeros((len(guards), len(numbers)), np.bool_)
    for names, row in guards.items():
        forbidden[row, [numbers[name] for name in names]] = True
    return Automaton(
        np.array([numbers[name] for name in pattern.states], np.int64),
        np.cumsum([0, *map(len, pattern.edges)]).astype(np.int64),
        np.array(target, np.int64),
        np.array(guard, np.int64),
        forbidden,
    )


def _made(step: Step, table: pa.Table, rows: Rows, found: Found) -> pa.Table:
    """First row of each match with hull, lowest score, and its parts."""
    node: Sequence = step.node  # type: ignore[assignment]
    first = found.bounds[:-1]
    made: dict[str, Any] = {
        "start_us": pa.array(_reduced(np.minimum, ints(table["start_us"])[rows], first)),
        "end_us": pa.array(_reduced(np.maximum, ints(table["end_us"])[rows], first)),
        "n_parts": pa.array(np.diff(found.bounds)),
    }
    for name in set(BOX) & set(step.columns):
        way = np.fmin if name in ("x1", "y1") else np.fmax
        edges = _reduced(way, floats(table[name])[rows], first)
        made[name] = pa.array(edges, from_pandas=True)
    if "score" in step.columns and kind_of(table["score"].type) in (Kind.FLOAT, Kind.INTEGER):
        scores = table["score"].cast(pa.float64()).combine_chunks()
        lowest = _reduced(np.fmin, scores.to_numpy(zero_copy_only=False)[rows], first)
        made["score"] = pa.array(lowest, from_pandas=True).cast(table["score"].type)
    if "parts" in step.columns:
        made["parts"] = _parts(node, table, rows, found)
    kept = [name for name in step.columns if name not in made]
    plain = take(table.select(kept), rows[first])
    schema = pa.schema([node.schema.field(name) for name in step.columns])
    arrays = [made[name] if name in made else plain[name] for name in step.columns]
    return pa.table(arrays, schema=schema)


def _parts(node: Sequence, table: pa.Table, rows: Rows, found: Found) -> pa.Array:
    names = pa.array(node.pattern.symbols, pa.string())
    members = pa.StructArray.from_arrays(
        [
            names.take(pa.array(found.symbol)),
            pa.array(ints(table["start_us"])[rows]),
            pa.array(ints(table["end_us"])[rows]),
        ],
        names=["symbol", "start_us", "end_us"],
    )
    return pa.ListArray.from_arrays(pa.array(found.bounds.astype(np.int32)), members)


def _reduced(way: np.ufunc, values: npt.NDArray[Any], first: Rows) -> npt.NDArray[Any]:
    if not first.size:
        return values[:0]
    result: npt.NDArray[Any] = way.reduceat(values, first)
    return result


RUNNERS: dict[type[Relation], Callable[..., pa.Table]] = {Sequence: sequence}
