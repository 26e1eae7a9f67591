"""Matches of a pattern inside groups of rows, one variable bound after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from vquery.engine.arrays import group_codes, ints, take, usual_order
from vquery.engine.grouping import Hull
from vquery.engine.joins import BLOCK
from vquery.expr.groups import Match
from vquery.expr.predicates import sides_of
from vquery.expr.types import Kind, Scope, has_box, kind_of
from vquery.plan.rewrite import conjunction, conjuncts
from vquery.schema import BOX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vquery.engine.executor import Executor
    from vquery.expr.expression import Column, Expression
    from vquery.expr.relations import Relation
    from vquery.plan.steps import Step

    Rows = npt.NDArray[np.int64]


def match(run: Executor, step: Step, given: pa.Table) -> pa.Table:
    """Find all solutions of a pattern."""
    node: Match = step.node  # type: ignore[assignment]
    order = usual_order(given)
    given = given if order is None else take(given, order)
    solutions = _Search(run, node, given).solutions()
    count = solutions[0].size if solutions else 0
    rows = np.concatenate([np.zeros(0, np.int64), *solutions])
    members = rows if order is None else order[rows]
    run.trace(step, 0, members, np.tile(np.arange(count), len(solutions)))
    return _rows(step, given, solutions)


class _Search:
    """Binds variables in the order of the pattern; a row stands for one variable at most."""

    def __init__(self, run: Executor, node: Match, given: pa.Table) -> None:
        self._run = run
        self._given = given
        self._variables = node.pattern.variables
        self._scope = Scope(
            dict.fromkeys(self._variables, node.input.schema),
            {name: f"variable {name!r}" for name in self._variables},
        )
        groups = group_codes([given[name] for name in ("video", *node.by)])
        self._members = np.argsort(groups, kind="stable")
        sizes = np.bincount(groups, minlength=1)
        self._first = (np.cumsum(sizes) - sizes)[groups] if groups.size else groups
        self._size = sizes[groups] if groups.size else groups
        self._wanted = len(self._variables)
        fits = self._size == self._wanted if node.exact else self._size >= self._wanted
        self._start = np.flatnonzero(fits) if self._wanted else np.zeros(0, np.int64)
        self._conditions = [
            part for condition in node.pattern.conditions for part in conjuncts(condition)
        ]

    def solutions(self) -> list[Rows]:
        """Row numbers for each variable, one element a solution."""
        bound = [self._kept([self._start], self._due(1))] if self._wanted else [[]]
        solutions = bound[0]
        for depth in range(2, self._wanted + 1):
            due = self._due(depth)
            blocks = [self._kept(block, due) for block in self._extended(solutions)]
            empty = np.zeros(0, np.int64)
            solutions = [
                np.concatenate([block[number] for block in blocks] or [empty])
                for number in range(depth)
            ]
        return solutions

    def _due(self, depth: int) -> Expression | None:
        """Conditions that the variable bound last completes."""
        names = set(self._variables[:depth])
        latest = self._variables[depth - 1]
        due = []
        for condition in self._conditions:
            sides = sides_of(condition)
            if sides <= names and (latest in sides or (not sides and depth == 1)):
                due.append(condition)
        return conjunction(due) if due else None

    def _extended(self, solutions: list[Rows]) -> Iterator[list[Rows]]:
        """Bind the next variable to every row of the group that is not bound, in blocks."""
        if not solutions[0].size:
            return
        total = np.cumsum(self._size[solutions[0]])
        cuts = np.searchsorted(total, np.arange(BLOCK, total[-1], BLOCK), side="left")
        for part in np.split(np.arange(solutions[0].size), np.unique(cuts)):
            if not part.size:
                continue
            rows = solutions[0][part]
            times = self._size[rows]
            place = np.arange(times.sum()) - np.repeat(np.cumsum(times) - times, times)
            added = self._members[np.repeat(self._first[rows], times) + place]
            bound = [np.repeat(each[part], times) for each in solutions]
            free = np.ones(added.size, dtype=np.bool_)
            for each in bound:
                free &= each != added
            yield [each[free] for each in (*bound, added)]

    def _kept(self, bound: list[Rows], condition: Expression | None) -> list[Rows]:
        if condition is None or not bound[0].size:
            return bound
        rows = dict(zip(self._variables, bound, strict=False))

        def fetch(column: Column) -> pa.ChunkedArray:
            return self._given[column.name].take(pa.array(rows[str(column.side)]))

        computed = self._run.session.compute(
            {"keep": condition}, self._scope, fetch, bound[0].size
        )["keep"]
        keep = computed.fill_null(fill_value=False).combine_chunks()
        chosen = np.flatnonzero(keep.to_numpy(zero_copy_only=False))
        return [each[chosen] for each in bound]


def _rows(step: Step, given: pa.Table, solutions: list[Rows]) -> pa.Table:
    """One row a solution: hull of the bounds, lowest score, the columns of every variable."""
    node: Match = step.node  # type: ignore[assignment]
    count = solutions[0].size if solutions else 0
    first = solutions[0] if solutions else np.zeros(0, np.int64)
    # all variables of one solution stand together, so that a hull is a reduction of equal runs
    flat = np.stack(solutions, axis=1).ravel() if count else np.zeros(0, np.int64)
    hull = Hull(np.repeat(np.arange(count), len(solutions)))
    columns: dict[str, Any] = {
        "video": given["video"].take(pa.array(first)),
        "start_us": pa.array(hull.least(ints(given["start_us"])[flat])),
        "end_us": pa.array(hull.greatest(ints(given["end_us"])[flat])),
    }
    if has_box(given.schema):
        for name in BOX:
            column = given[name].take(pa.array(flat))
            columns[name] = hull.edge(column, lowest=name in ("x1", "y1"))
    if "score" in step.columns:
        columns["score"] = _lowest(given["score"].take(pa.array(flat)), hull)
    for variable, rows in zip(node.pattern.variables, solutions, strict=False):
        for name in given.column_names:
            columns[f"{variable}_{name}"] = given[name].take(pa.array(rows))
    fields = [node.schema.field(name) for name in step.columns]
    arrays = [
        columns[field.name] if field.name in columns else pa.nulls(0, field.type)
        for field in fields
    ]
    return pa.table(arrays, schema=pa.schema(fields))


def _lowest(column: pa.ChunkedArray, hull: Hull) -> pa.Array | pa.ChunkedArray:
    if kind_of(column.type) not in (Kind.FLOAT, Kind.INTEGER):
        return column.take(pa.array(hull.first))
    values = column.cast(pa.float64()).combine_chunks().to_numpy(zero_copy_only=False)
    return pa.array(hull.least(values), from_pandas=True).cast(column.type)


RUNNERS: dict[type[Relation], Callable[..., pa.Table]] = {Match: match}
