"""Joins and semi-joins: candidates from a sweep kernel, the rest evaluated on blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from vquery.engine.arrays import floats, ints, join_codes, take
from vquery.engine.merging import merged
from vquery.engine.residuals import residual_arrays
from vquery.expr.pairs import Join, SemiJoin, pair_scope
from vquery.expr.predicates import LEFT
from vquery.expr.time import AXES
from vquery.plan.matching import ANY, OVERLAP, Matching, Overlap, Shared, Window
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

    from vquery.engine.running.executor import Executor
    from vquery.expr.expression import Column
    from vquery.expr.relations import Relation
    from vquery.plan.steps import Step
    from vquery_kernels.residual import Residual

    Rows = npt.NDArray[np.signedinteger[Any]]
    Pairs = tuple[Rows, Rows]

BLOCK = 1 << 20
"""Candidate pairs that are evaluated at a time."""

SOME = 16
"""Right rows that are tried first where one partner is enough, and by how many times more then."""

FAR = 1 << 62
"""Farther than any time: stands for a bound that is not there."""

EVERY = Window("start", "start", ANY)
"""Candidates are all pairs of equal keys."""


class Kernels(NamedTuple):
    """The forms of one join."""

    join: Callable[..., Pairs]
    blocks: Callable[..., Iterator[Pairs]]
    counts: Callable[..., npt.NDArray[np.int64]]
    any: Callable[..., npt.NDArray[np.bool_]]


OVERLAP_KERNELS = Kernels(overlap_join, overlap_join_blocks, overlap_count, overlap_any)
WINDOW = Kernels(window_join, window_join_blocks, window_count, window_any)


class Candidates:
    """The pairs that a matching's keys, range and fused conditions leave, before its rest.

    Without a residual the fused conditions are not tested.
    """

    def __init__(
        self,
        matching: Matching,
        left: pa.Table,
        right: pa.Table,
        residual: Residual | None = None,
    ) -> None:
        keys = [(left["video"], right["video"])]
        keys += [(left[a.name], right[b.name]) for a, b in matching.keys]  # type: ignore[attr-defined]
        codes = join_codes([each for each, _ in keys], [each for _, each in keys])
        time = matching.time or EVERY
        self._settings: dict[str, Any] = {"residual": residual}
        if isinstance(time, Window):
            self._functions = WINDOW
            base = ints(left[f"{time.left}_us"])
            low = np.full(base.shape, -FAR) if time.range.low is None else base + time.range.low
            high = np.full(base.shape, FAR) if time.range.high is None else base + time.range.high
            self._arguments = (codes[0], low, high, codes[1], ints(right[f"{time.right}_us"]))
            return
        self._functions = OVERLAP_KERNELS
        if isinstance(time, Shared):
            codes, spans = _axis_spans(time, codes, left, right)
        else:
            spans = _time_spans(time, left, right)
            self._settings["touching"] = time != OVERLAP
        self._arguments = (codes[0], *spans[0], codes[1], *spans[1])

    def count(self) -> int:
        """Count all pairs."""
        return int(self.counts().sum())

    def counts(self) -> npt.NDArray[np.int64]:
        """Count the partners of each left row."""
        counts: npt.NDArray[np.int64] = self._functions.counts(*self._arguments, **self._settings)
        return counts

    def any(self) -> npt.NDArray[np.bool_]:
        """Whether each left row has a partner."""
        found: npt.NDArray[np.bool_] = self._functions.any(*self._arguments, **self._settings)
        return found

    def pairs(self) -> Pairs:
        """All pairs at once."""
        pairs: Pairs = self._functions.join(*self._arguments, **self._settings)
        return pairs

    def blocks(self) -> Iterator[Pairs]:
        """All pairs in blocks of bounded size."""
        blocks: Iterator[Pairs] = self._functions.blocks(
            *self._arguments, **self._settings, max_pairs=BLOCK
        )
        return blocks


def _time_spans(time: Overlap, left: pa.Table, right: pa.Table) -> tuple[Pairs, Pairs]:
    """Spans to compare; with closed ends unless it is the usual overlap."""
    start, end = ints(left["start_us"]), ints(left["end_us"])
    other = ints(right["start_us"]), ints(right["end_us"])
    if time == OVERLAP:
        return (start, end), other
    last = np.maximum(end - 1, start) if time.until_end else end
    if time.beyond_start:
        other = other[0], np.maximum(other[1] - 1, other[0])
    before, after = (FAR if each is None else each for each in (time.before, time.after))
    return (start - before, last + after), other


def _axis_spans(
    shared: Shared, codes: Pairs, left: pa.Table, right: pa.Table
) -> tuple[Pairs, tuple[Any, Any]]:
    """Codes and spans on an axis; a row without a box equals no other row."""
    numbers, spans = [], []
    for side, table, code in zip((-1, -2), (left, right), codes, strict=True):
        ends = [floats(table[name]) for name in AXES[shared.axis]]
        missing = np.isnan(ends[0]) | np.isnan(ends[1])
        numbers.append(np.where(missing, side, code))
        spans.append(tuple(np.where(missing, np.float32(0), each) for each in ends))
    return (numbers[0], numbers[1]), (spans[0], spans[1])


def candidates_of(run: Executor, step: Step, left: pa.Table, right: pa.Table) -> Candidates:
    """Pairs that keys, range and fused conditions of a step leave."""
    matching = step.matching
    assert matching is not None
    if not matching.fused:
        return Candidates(matching, left, right)
    node: Join | SemiJoin = step.node  # type: ignore[assignment]
    scope = pair_scope(node.left, node.right)
    residual = residual_arrays(run.session, matching.fused, scope, left, right)
    return Candidates(matching, left, right, residual)


def matched_blocks(run: Executor, step: Step, left: pa.Table, right: pa.Table) -> Iterator[Pairs]:
    """Pairs for which the predicate of a step holds, in blocks."""
    matching = step.matching
    assert matching is not None
    candidates = candidates_of(run, step, left, right)
    if matching.rest is None:
        yield candidates.pairs()
        return
    yield from _checked_blocks(run, step, left, right, candidates)


def _checked_blocks(
    run: Executor, step: Step, left: pa.Table, right: pa.Table, candidates: Candidates
) -> Iterator[Pairs]:
    """Candidates for which the rest of the predicate holds."""
    assert step.matching is not None
    assert step.matching.rest is not None
    node: Join | SemiJoin = step.node  # type: ignore[assignment]
    scope = pair_scope(node.left, node.right)
    keep = {"keep": step.matching.rest}
    for block in candidates.blocks():
        for part in _parts(block):

            def fetch(column: Column, part: Pairs = part) -> pa.ChunkedArray:
                side, rows = (left, part[0]) if column.side == LEFT else (right, part[1])
                return side[column.name].take(pa.array(rows))

            computed = run.session.compute(keep, scope, fetch, part[0].size)["keep"]
            kept = computed.fill_null(fill_value=False).combine_chunks()
            chosen = np.flatnonzero(kept.to_numpy(zero_copy_only=False))
            yield part[0][chosen], part[1][chosen]


def matched_counts(
    run: Executor, step: Step, left: pa.Table, right: pa.Table
) -> npt.NDArray[np.int64]:
    """Count the partners of each left row."""
    assert step.matching is not None
    if step.matching.rest is None:
        return candidates_of(run, step, left, right).counts()
    counts = np.zeros(left.num_rows, dtype=np.int64)
    for left_rows, _ in matched_blocks(run, step, left, right):
        counts += np.bincount(left_rows, minlength=left.num_rows)
    return counts


def pair_blocks(run: Executor, step: Step, left: pa.Table, right: pa.Table) -> Iterator[Pairs]:
    """Pairs for which the predicate holds, in blocks of bounded size however many there are."""
    assert step.matching is not None
    candidates = candidates_of(run, step, left, right)
    if step.matching.rest is not None:
        yield from _checked_blocks(run, step, left, right, candidates)
        return
    for block in candidates.blocks():
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
        return candidates_of(run, step, left, right).count()
    return sum(block[0].size for block in matched_blocks(run, step, left, right))


def drops_pairs(node: Join) -> bool:
    """Whether a join has other rows than its pairs: some left out, or rows without a partner."""
    return bool(node.merge.intersected) or node.how == LEFT


def _partnered(run: Executor, step: Step, left: pa.Table, right: pa.Table) -> npt.NDArray[np.bool_]:
    """Whether each left row has a partner, where pairs have to be made to know.

    Where they are many, some right rows are tried first, then more of them: one partner is enough,
    and left rows that have theirs make no further pairs.
    """
    assert step.matching is not None
    found = np.zeros(left.num_rows, dtype=np.bool_)
    many = Candidates(step.matching, left, right).count() > SOME * BLOCK
    if many:
        right = take(right, np.random.default_rng(0).permutation(right.num_rows))
    first, size = 0, SOME if many else max(right.num_rows, 1)
    while first < right.num_rows and not found.all():
        rest = np.flatnonzero(~found)
        some = take(left, rest), right.slice(first, size)
        for left_rows, _ in matched_blocks(run, step, *some):
            found[rest[left_rows]] = True
        first, size = first + size, size * SOME
    return found


def semi_join(run: Executor, step: Step, left: pa.Table, right: pa.Table) -> pa.Table:
    """Keep the left rows with (or without) a partner."""
    node: SemiJoin = step.node  # type: ignore[assignment]
    assert step.matching is not None
    if step.matching.rest is None:
        found = candidates_of(run, step, left, right).any()
    else:
        found = _partnered(run, step, left, right)
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
