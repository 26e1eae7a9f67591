"""Joins and semi-joins: candidates from a sweep kernel, the rest evaluated on blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from vquery.engine.arrays import ints, join_codes, take
from vquery.engine.merging import merged
from vquery.expr.pairs import Join, SemiJoin, pair_scope
from vquery.expr.predicates import LEFT
from vquery.plan.matching import ANY, Matching, Overlap, Window
from vquery_kernels.overlap_join import (
    overlap_any,
    overlap_count,
    overlap_join,
    overlap_join_blocks,
)
from vquery_kernels.window_join import window_any, window_count, window_join, window_join_blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt

    from vquery.engine.executor import Executor
    from vquery.expr.expression import Column
    from vquery.expr.relations import Relation
    from vquery.plan.steps import Step

    Rows = npt.NDArray[np.signedinteger[Any]]
    Pairs = tuple[Rows, Rows]

BLOCK = 1 << 20
"""Candidate pairs that are evaluated at a time."""

FAR = 1 << 62
"""Farther than any time: stands for a bound that is not there."""


class Candidates:
    """The pairs that a matching's keys and time range leave, before its rest is evaluated."""

    def __init__(self, matching: Matching, left: pa.Table, right: pa.Table) -> None:
        keys = [(left["video"], right["video"])]
        keys += [(left[a.name], right[b.name]) for a, b in matching.keys]  # type: ignore[attr-defined]
        codes = join_codes([each for each, _ in keys], [each for _, each in keys])
        self.exact = matching.rest is None
        time = matching.time or Window("start", "start", ANY)
        self._overlap = isinstance(time, Overlap)
        if isinstance(time, Overlap):
            start = ints(left["start_us"]) - time.before
            end = ints(left["end_us"]) + time.after
            other = ints(right["start_us"]), ints(right["end_us"])
            self._arguments: tuple[Any, ...] = (codes[0], start, end, codes[1], *other)
        else:
            base = ints(left[f"{time.left}_us"])
            low = np.full(base.shape, -FAR) if time.range.low is None else base + time.range.low
            high = np.full(base.shape, FAR) if time.range.high is None else base + time.range.high
            self._arguments = (codes[0], low, high, codes[1], ints(right[f"{time.right}_us"]))

    @property
    def _touching(self) -> bool:
        # inexact candidates are taken closed, so that nothing at an end is missed
        return not self.exact

    def count(self) -> int:
        """Count all pairs."""
        return int(self.counts().sum())

    def counts(self) -> npt.NDArray[np.int64]:
        """Count the partners of each left row."""
        if self._overlap:
            return overlap_count(*self._arguments, touching=self._touching)
        return window_count(*self._arguments)

    def any(self) -> npt.NDArray[np.bool_]:
        """Whether each left row has a partner."""
        if self._overlap:
            return overlap_any(*self._arguments, touching=self._touching)
        return window_any(*self._arguments)

    def pairs(self) -> Pairs:
        """All pairs at once."""
        if self._overlap:
            return overlap_join(*self._arguments, touching=self._touching)
        return window_join(*self._arguments)

    def blocks(self) -> Iterator[Pairs]:
        """All pairs in blocks of bounded size."""
        if self._overlap:
            return overlap_join_blocks(*self._arguments, touching=self._touching, max_pairs=BLOCK)
        return window_join_blocks(*self._arguments, max_pairs=BLOCK)


def matched_blocks(run: Executor, step: Step, left: pa.Table, right: pa.Table) -> Iterator[Pairs]:
    """Pairs for which the predicate of a step holds, in blocks."""
    matching = step.matching
    assert matching is not None
    candidates = Candidates(matching, left, right)
    if matching.rest is None:
        yield candidates.pairs()
        return
    node: Join | SemiJoin = step.node  # type: ignore[assignment]
    scope = pair_scope(node.left, node.right)
    for block in candidates.blocks():
        for part in _parts(block):

            def fetch(column: Column, part: Pairs = part) -> pa.ChunkedArray:
                side, rows = (left, part[0]) if column.side == LEFT else (right, part[1])
                return side[column.name].take(pa.array(rows))

            computed = run.session.compute({"keep": matching.rest}, scope, fetch, part[0].size)[
                "keep"
            ]
            keep = computed.fill_null(fill_value=False).combine_chunks()
            chosen = np.flatnonzero(keep.to_numpy(zero_copy_only=False))
            yield part[0][chosen], part[1][chosen]


def pair_blocks(run: Executor, step: Step, left: pa.Table, right: pa.Table) -> Iterator[Pairs]:
    """Pairs for which the predicate holds, in blocks of bounded size however many there are."""
    matching = step.matching
    assert matching is not None
    if matching.rest is not None:
        yield from matched_blocks(run, step, left, right)
        return
    for block in Candidates(matching, left, right).blocks():
        yield from _parts(block)


def _parts(block: Pairs) -> Iterator[Pairs]:
    """Cut a block further where one left row alone has more partners than a block should hold."""
    for first in range(0, block[0].size, BLOCK):
        yield block[0][first : first + BLOCK], block[1][first : first + BLOCK]


def matched_pairs(run: Executor, step: Step, left: pa.Table, right: pa.Table) -> Pairs:
    """All pairs for which the predicate holds, by left row, then right row."""
    blocks = list(matched_blocks(run, step, left, right))
    if not blocks:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    left_rows = np.concatenate([block[0] for block in blocks])
    right_rows = np.concatenate([block[1] for block in blocks])
    steps = np.diff(left_rows)
    ordered = (steps > 0) | ((steps == 0) & (right_rows[1:] > right_rows[:-1]))
    if ordered.all():
        return left_rows, right_rows
    place = np.sort(left_rows.astype(np.int64) * right.num_rows + right_rows)
    return np.divmod(place, right.num_rows)


def join(run: Executor, step: Step, left: pa.Table, right: pa.Table) -> pa.Table:
    """Join two relations."""
    left_rows, right_rows = matched_pairs(run, step, left, right)
    return merged(run, step, left, right, left_rows, right_rows)


def count_pairs(run: Executor, step: Step, left: pa.Table, right: pa.Table) -> int:
    """Count the pairs of a join."""
    assert step.matching is not None
    if step.matching.rest is None:
        return Candidates(step.matching, left, right).count()
    return sum(block[0].size for block in matched_blocks(run, step, left, right))


def drops_pairs(node: Join) -> bool:
    """Whether a join has other rows than its pairs: some left out, or rows without a partner."""
    return bool(node.merge.intersected) or node.how == LEFT


def semi_join(run: Executor, step: Step, left: pa.Table, right: pa.Table) -> pa.Table:
    """Keep the left rows with (or without) a partner."""
    node: SemiJoin = step.node  # type: ignore[assignment]
    assert step.matching is not None
    if step.matching.rest is None:
        found = Candidates(step.matching, left, right).any()
    else:
        found = np.zeros(left.num_rows, dtype=np.bool_)
        for left_rows, _ in matched_blocks(run, step, left, right):
            found[left_rows] = True
    kept = np.flatnonzero(found != node.negated)
    run.trace(step, 0, kept)
    if run.traced and not node.negated:
        left_rows, witnesses = matched_pairs(run, step, left, right)
        run.trace(step, 1, witnesses, np.searchsorted(kept, left_rows))
    return take(left.select(list(step.columns)), kept)


RUNNERS: dict[type[Relation], Callable[..., pa.Table]] = {
    Join: join,
    SemiJoin: semi_join,
}
