"""Matches of a pattern inside groups of rows, one variable bound after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from vquery.engine.arrays import floats, group_codes, ints, take, truths, usual_order
from vquery.engine.binding import Binding, Bindings, Order, about_one, plan_bindings
from vquery.engine.joins import Candidates
from vquery.engine.vectors import Arrays, Evaluator, Unsupported
from vquery.expr.groups import Match
from vquery.expr.types import Kind, Scope, has_box, kind_of
from vquery.schema import BOX, KEYS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from vquery.engine.running.executor import Executor
    from vquery.expr.expression import Column, Expression
    from vquery.expr.relations import Relation
    from vquery.plan.matching import Matching
    from vquery.plan.steps import Step

    Rows = npt.NDArray[np.int64]
    Bound = dict[str, Rows]

BLOCK = 1 << 18
"""Partial solutions that are looked at together."""
FEW = 32
"""Rows a group that are simply all tried; with more of them a kernel finds the partners."""
NOTHING = np.zeros(0, np.int64)


def match(run: Executor, step: Step, given: pa.Table) -> pa.Table:
    """Find all solutions of a pattern."""
    node: Match = step.node  # type: ignore[assignment]
    frames = node.by == ("start_us",)
    # solutions of one frame share their start, so that only rows of solutions need their order
    order = None if frames else usual_order(given)
    table = given if order is None else take(given, order)
    search = _Search(run, node, table)
    solutions = search.solutions()
    solutions = _in_order(table, search.group, solutions, frames=frames)
    count = solutions[0].size if solutions else 0
    for rows in solutions[:1]:  # every variable of a solution contributed to its row
        flat = np.stack(solutions, axis=1).ravel() if count else rows
        numbers = flat if order is None else order[flat]
        run.trace(step, 0, numbers, np.repeat(np.arange(count), len(solutions)))
    return _rows(step, table, solutions)


class _Members(NamedTuple):
    """Rows that may stand for a variable, group by group.

    Rows of group ``g`` are ``rows[first[g] : first[g] + size[g]]``; ``place`` says where in
    ``rows`` a row is.
    """

    rows: Rows
    first: Rows
    size: Rows
    place: Rows


class _Search:
    """Binds variables in the planned order; a row stands for one variable at most."""

    def __init__(self, run: Executor, node: Match, given: pa.Table) -> None:
        self._run = run
        self._given = given
        self._variables = node.pattern.variables
        self._scope = Scope(
            dict.fromkeys(self._variables, node.input.schema),
            {name: f"variable {name!r}" for name in self._variables},
        )
        self._arrays = Arrays(given)
        self._evaluator = Evaluator(self._arrays, self._scope)
        self.group = _groups(given, node.by)
        self._exact = node.exact
        self._plan: Bindings = plan_bindings(node, self._scope)
        self._kinds: dict[str, int] = {}
        self._members: dict[int, _Members] = {}
        self._sorted: dict[tuple[int, str], bool] = {}
        self._sides: dict[str, tuple[pa.Table, Rows]] = {}

    def solutions(self) -> list[Rows]:
        """Row numbers for each variable of the pattern, one element a solution."""
        if not self._variables or not self._given.num_rows or not self._always():
            return [NOTHING] * len(self._variables)
        self._narrow()
        first = self._plan.steps[0].variable
        members = self._members[self._kinds[first]]
        start = members.rows[self._alive()[self.group[members.rows]]]
        blocks = list(self._extended({first: start}, 1))
        return [np.concatenate([NOTHING, *(each[name] for each in blocks)])
                for name in self._variables]  # fmt: skip

    def _always(self) -> bool:
        """Whether the conditions hold that speak of no variable."""
        one = {name: np.zeros(1, np.int64) for name in self._variables}
        return bool(self._kept(one, self._plan.always)[self._variables[0]].size)

    def _narrow(self) -> None:
        """Find the rows that each variable may be; variables of which the same is asked share."""
        groups = int(self.group.max()) + 1
        in_order = bool((self.group[1:] >= self.group[:-1]).all())
        known: dict[Any, int] = {}
        for variable in self._variables:
            key = frozenset(about_one(each, variable) for each in self._plan.own[variable])
            if key not in known:
                known[key] = len(known)
                every = {variable: np.arange(self._given.num_rows)}
                rows = self._kept(every, self._plan.own[variable])[variable]
                if not in_order:
                    rows = rows[np.argsort(self.group[rows], kind="stable")]
                self._members[known[key]] = _members(rows, self.group, groups)
            self._kinds[variable] = known[key]

    def _alive(self) -> npt.NDArray[np.bool_]:
        """Which groups have enough rows for every variable."""
        groups = int(self.group.max()) + 1
        alive = np.ones(groups, np.bool_)
        for kind, members in self._members.items():
            wanted = sum(each == kind for each in self._kinds.values())
            alive &= members.size >= wanted
        if self._exact:
            alive &= np.bincount(self.group, minlength=groups) == len(self._variables)
        return alive

    def _extended(self, bound: Bound, depth: int) -> Iterator[Bound]:
        """Go down to the last variable, block by block, so that little is held at a time."""
        if depth == len(self._plan.steps):
            yield bound
            return
        step = self._plan.steps[depth]
        for block in self._candidates(bound, step):
            kept = self._kept(block, step.due)
            if kept[step.variable].size:
                yield from self._extended(kept, depth + 1)

    def _candidates(self, bound: Bound, step: Binding) -> Iterator[Bound]:
        """Pair partial solutions with rows that may be the next variable."""
        some = next(iter(bound.values()))
        members = self._members[self._kinds[step.variable]]
        low = members.first[self.group[some]]
        high = low + members.size[self.group[some]]
        low, high = self._ordered(bound, step, low, high)
        times = np.maximum(high - low, 0)
        total = np.cumsum(times)
        if some.size and total[-1] > FEW * some.size and step.through:
            yield from self._by_kernel(bound, step)
            return
        for first, last in _cuts(total):
            yield self._expanded(bound, step, members, (low, times), slice(first, last))

    def _expanded(
        self,
        bound: Bound,
        step: Binding,
        members: _Members,
        ranges: tuple[Rows, Rows],
        part: slice,
    ) -> Bound:
        """Pair each partial solution of ``part`` with its range of members."""
        low, times = ranges[0][part], ranges[1][part]
        place = np.arange(times.sum()) + np.repeat(low - (np.cumsum(times) - times), times)
        added = members.rows[place]
        block = {name: np.repeat(rows[part], times) for name, rows in bound.items()}
        return _different({**block, step.variable: added}, step.variable)

    def _ordered(self, bound: Bound, step: Binding, low: Rows, high: Rows) -> tuple[Rows, Rows]:
        """Narrow ranges of members that are sorted by what a condition compares."""
        kind = self._kinds[step.variable]
        place = self._members[kind].place
        for order in step.orders:
            other = order.low if order.high == step.variable else order.high
            if self._kinds[other] != kind or not self._is_sorted(kind, order):
                continue
            if order.high == step.variable:
                low = np.maximum(low, place[bound[other]] + 1)
            else:
                high = np.minimum(high, place[bound[other]])
        return low, high

    def _is_sorted(self, kind: int, order: Order) -> bool:
        """Whether the members of each group ascend in a column that has no nulls."""
        key = kind, order.column
        if key not in self._sorted:
            self._sorted[key] = self._ascends(self._members[kind].rows, order.column)
        return self._sorted[key]

    def _ascends(self, rows: Rows, column: str) -> bool:
        try:
            given = self._arrays.vector(column)
        except Unsupported:
            return False
        values, groups = given.values[rows], self.group[rows]
        rising = (values[1:] >= values[:-1]) | (groups[1:] != groups[:-1])
        return given.valid is None and bool(rising.all())

    def _by_kernel(self, bound: Bound, step: Binding) -> Iterator[Bound]:
        """Find partners by equal columns or a range of time instead of trying whole groups."""
        other, matching = max(step.through, key=lambda each: _worth(each[1]))
        if step.variable not in self._sides:
            rows = self._members[self._kinds[step.variable]].rows
            self._sides[step.variable] = self._side(rows), rows
        right, rows = self._sides[step.variable]
        candidates = Candidates(matching, self._side(bound[other]), right)
        for partial, added in candidates.blocks():
            for first in range(0, partial.size, BLOCK):
                part = slice(first, first + BLOCK)
                block = {name: each[partial[part]] for name, each in bound.items()}
                yield _different({**block, step.variable: rows[added[part]]}, step.variable)

    def _side(self, rows: Rows) -> pa.Table:
        """Rows as a side of a join that stays inside groups: the group takes the video's place."""
        table = take(self._given.drop_columns(["video"]), rows)
        return table.append_column("video", pa.array(self.group[rows]))

    def _kept(self, bound: Bound, conditions: Sequence[Expression]) -> Bound:
        """Partial solutions for which all conditions hold."""
        hard = []
        for condition in conditions:
            try:
                keep = self._evaluator.holds(condition, bound)
            except Unsupported:
                hard.append(condition)
                continue
            size = next(iter(bound.values())).size
            if not np.broadcast_to(keep, size).all():
                bound = _chosen(bound, np.flatnonzero(np.broadcast_to(keep, size)))
        for condition in hard:
            bound = self._computed(bound, condition)
        return bound

    def _computed(self, bound: Bound, condition: Expression) -> Bound:
        def fetch(column: Column) -> pa.ChunkedArray:
            return self._given[column.name].take(pa.array(bound[str(column.side)]))

        size = next(iter(bound.values())).size
        if not size:
            return bound
        computed = self._run.session.compute({"keep": condition}, self._scope, fetch, size)
        return _chosen(bound, np.flatnonzero(truths(computed["keep"])))


def _groups(given: pa.Table, by: Sequence[str]) -> Rows:
    """Give each row the number of its group; quick where rows of one frame stand together."""
    if tuple(by) == ("start_us",) and given.num_rows:
        column = given["video"]
        if kind_of(column.type) is Kind.INTEGER:
            video = ints(column)
        else:
            encoded = pc.dictionary_encode(column).unify_dictionaries().combine_chunks()
            video = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        start = ints(given["start_us"])
        other, later = video[1:] != video[:-1], start[1:] > start[:-1]
        if ((video[1:] > video[:-1]) | (~other & (later | (start[1:] == start[:-1])))).all():
            return np.concatenate(([0], np.cumsum(other | later)))
    return group_codes([given[name] for name in ("video", *by)])


def _members(rows: Rows, group: Rows, groups: int) -> _Members:
    count = np.bincount(group[rows], minlength=groups)
    place = np.empty(group.size, np.int64)
    place[rows] = np.arange(rows.size)
    return _Members(rows, np.cumsum(count) - count, count, place)


def _cuts(total: Rows) -> Iterator[tuple[int, int]]:
    """Cut partial solutions into runs with about ``BLOCK`` candidates each."""
    first = 0
    while first < total.size:
        done = total[first - 1] if first else 0
        last = max(int(np.searchsorted(total, done + BLOCK, side="right")), first + 1)
        yield first, last
        first = last


def _different(bound: Bound, variable: str) -> Bound:
    """Leave out where the row bound last stands for another variable too."""
    added = bound[variable]
    free = np.ones(added.size, np.bool_)
    for name, rows in bound.items():
        if name != variable:
            free &= rows != added
    return bound if free.all() else _chosen(bound, np.flatnonzero(free))


def _chosen(bound: Bound, rows: Rows) -> Bound:
    return {name: each[rows] for name, each in bound.items()}


def _worth(matching: Matching) -> int:
    return 2 * (matching.time is not None) + bool(matching.keys)


def _in_order(given: pa.Table, group: Rows, solutions: list[Rows], *, frames: bool) -> list[Rows]:
    """Order solutions by group, then by the place of the first variable's row, the second's."""
    if not solutions or solutions[0].size < 2:
        return solutions
    groups = group[solutions[0]]
    ranks = _ranks(given, groups, solutions) if frames else solutions
    keys = (groups, *ranks)
    if _ascending(keys):
        return solutions
    place = np.lexsort(keys[::-1])
    return [rows[place] for rows in solutions]


def _ranks(given: pa.Table, groups: Rows, solutions: list[Rows]) -> list[Rows]:
    """Places of rows in the usual order, as far as groups have several solutions."""
    several = np.bincount(groups)[groups] > 1
    used = np.unique(np.concatenate([rows[several] for rows in solutions]))
    columns = [*KEYS, *(BOX if has_box(given.schema) else ())]
    order = usual_order(take(given.select(columns), used))
    rank = np.zeros(given.num_rows, np.int64)
    rank[used if order is None else used[order]] = np.arange(used.size)
    return [rank[rows] for rows in solutions]


def _ascending(keys: Sequence[Rows]) -> bool:
    """Whether rows are sorted by several keys, the first decides first."""
    equal = np.ones(keys[0].size - 1, np.bool_)
    for key in keys:
        if (equal & (key[1:] < key[:-1])).any():
            return False
        equal &= key[1:] == key[:-1]
    return True


def _rows(step: Step, given: pa.Table, solutions: list[Rows]) -> pa.Table:
    """One row a solution: hull of the bounds, lowest score, the columns of every variable."""
    node: Match = step.node  # type: ignore[assignment]
    first = solutions[0] if solutions else NOTHING
    columns: dict[str, Any] = {
        "video": given["video"].take(pa.array(first)),
        "start_us": pa.array(_reduced(np.minimum, ints(given["start_us"]), solutions)),
        "end_us": pa.array(_reduced(np.maximum, ints(given["end_us"]), solutions)),
    }
    for name in set(BOX) & set(step.columns):
        way = np.fmin if name in ("x1", "y1") else np.fmax
        edges = _reduced(way, floats(given[name]), solutions)
        columns[name] = pa.array(edges, from_pandas=True)
    if "score" in step.columns:
        columns["score"] = _lowest(given["score"], solutions)
    for variable, rows in zip(node.pattern.variables, solutions, strict=False):
        for name in given.column_names:
            if f"{variable}_{name}" in step.columns:
                columns[f"{variable}_{name}"] = given[name].take(pa.array(rows))
    fields = [node.schema.field(name) for name in step.columns]
    arrays = [
        columns[field.name] if field.name in columns else pa.nulls(0, field.type)
        for field in fields
    ]
    return pa.table(arrays, schema=pa.schema(fields))


def _reduced(way: np.ufunc, values: npt.NDArray[Any], solutions: list[Rows]) -> npt.NDArray[Any]:
    """Smallest or largest value of the rows of each solution; NaN only where all are."""
    if not solutions:
        return values[:0]
    result = values[solutions[0]]
    for rows in solutions[1:]:
        result = way(result, values[rows])
    return result


def _lowest(column: pa.ChunkedArray, solutions: list[Rows]) -> pa.Array | pa.ChunkedArray:
    if kind_of(column.type) not in (Kind.FLOAT, Kind.INTEGER):
        return column.take(pa.array(solutions[0] if solutions else NOTHING))
    values = column.cast(pa.float64()).combine_chunks().to_numpy(zero_copy_only=False)
    return pa.array(_reduced(np.fmin, values, solutions), from_pandas=True).cast(column.type)


RUNNERS: dict[type[Relation], Callable[..., pa.Table]] = {Match: match}
