"""Chunks of an overlap sweep. Only for ``cpu``.

The left rows, in order, are cut into chunks that threads take. A right row belongs to the chunk in
which it starts; what reaches over the end of a chunk is carried to the next ones.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from vquery_kernels import threads
from vquery_kernels.arrays import Int64s, empty
from vquery_kernels.cpu import Sorted, compiled, lower, matched

if TYPE_CHECKING:
    from collections.abc import Callable

NOTHING = np.empty(0, np.int64)
Arrays: TypeAlias = tuple[Int64s, Int64s, Int64s, Int64s, Int64s, int]


class Sweep(NamedTuple):
    """Both sides sorted, cut into chunks, with what is carried into each chunk."""

    left: Sorted
    right: Sorted
    runs: Int64s  # (groups, 4): left low, left high, right low, right high of equal groups
    slack: int  # ticks from a span's last tick to its end: 1, or 0 where the end counts
    cuts: list[int]  # chunk k holds the left rows cuts[k] .. cuts[k + 1]
    carried: list[Int64s]  # right rows that reach over cuts[k], ascending

    @property
    def arrays(self) -> Arrays:
        """The arguments that every compiled sweep takes first."""
        left, right = self.left, self.right
        return left.start, left.end, right.start, right.end, self.runs, self.slack


def make_sweep(left: Sorted, right: Sorted, *, touching: bool) -> Sweep:
    """Cut the left rows into chunks and find what is carried into each."""
    runs = matched(left.group, right.group)
    parts = threads.chunks(left.start.size + right.start.size)
    cuts = np.unique(_balanced_cuts(left.start, right.start, runs, parts)).tolist()
    sweep = Sweep(left, right, runs, 0 if touching else 1, cuts, [])
    return sweep._replace(carried=carry_over(sweep, cuts, NOTHING))


def carry_over(sweep: Sweep, cuts: list[int], carry: Int64s) -> list[Int64s]:
    """List the right rows that reach over each cut, given those of the first."""
    carried = [carry]
    if len(cuts) == 2 and cuts[-1] == sweep.left.start.size:
        return [carry, NOTHING]
    memory = empty(sweep.right.start.size, np.int64)
    found = threads.run(
        lambda k: _reach_over(sweep.arrays, cuts[k], cuts[k + 1], memory), len(cuts) - 1
    )
    for cut, (first_of_group, low, high) in zip(cuts[1:], found, strict=True):
        if first_of_group < 0:
            carried.append(NOTHING)
            continue
        carry = carried[-1]
        start, end = sweep.right.start[carry], sweep.right.end[carry]
        reaches = end - (end > start) * sweep.slack >= sweep.left.start[cut]
        carry = carry[reaches & (carry >= first_of_group)]
        carried.append(np.concatenate([carry, memory[low:high]]))
    return carried


def each_chunk(sweep: Sweep, task: Callable[[int, int, int], None]) -> None:
    """Call ``task(k, low, high)`` for every chunk of left rows."""
    bounds = list(pairwise(sweep.cuts))
    threads.run(lambda k: task(k, *bounds[k]), len(bounds))


@compiled
def _balanced_cuts(left_start: Int64s, right_start: Int64s, runs: Int64s, parts: int) -> Int64s:
    """Cut the left rows so that each chunk has about as many left and right rows together."""
    cuts = np.zeros(parts + 1, np.int64)
    cuts[parts] = left_start.size
    total = 0
    for run in range(runs.shape[0]):
        total += runs[run, 1] - runs[run, 0] + runs[run, 3] - runs[run, 2]
    run, before = 0, 0
    for part in range(1, parts):
        wanted = total // parts * part
        while run < runs.shape[0]:
            rows = runs[run, 1] - runs[run, 0] + runs[run, 3] - runs[run, 2]
            if before + rows >= wanted:
                break
            before += rows
            run += 1
        if run == runs.shape[0]:
            cuts[part] = left_start.size
            continue
        low, high = runs[run, 0], runs[run, 1]
        while low < high:
            middle = (low + high) // 2
            right = lower(right_start, left_start[middle], runs[run, 2], runs[run, 3])
            if before + middle - runs[run, 0] + right - runs[run, 2] < wanted:
                low = middle + 1
            else:
                high = middle
        cuts[part] = low
    return cuts


@compiled
def last_tick(start: Int64s, end: Int64s, row: int, slack: int) -> int:
    """Last tick of a span: an instant lasts one tick."""
    last: int = end[row] - (slack if end[row] > start[row] else 0)
    return last


@compiled
def first_run(runs: Int64s, row: int) -> int:
    """Find the first run that ends after a left row."""
    low, high = 0, runs.shape[0]
    while low < high:
        middle = (low + high) // 2
        if runs[middle, 1] <= row:
            low = middle + 1
        else:
            high = middle
    return low


@compiled
def first_right(left_start: Int64s, right_start: Int64s, runs: Int64s, run: int, row: int) -> int:
    """Find the first right row that belongs to a chunk that begins at left row ``row``."""
    if row <= runs[run, 0]:
        return int(runs[run, 2])
    return lower(right_start, left_start[row], runs[run, 2], runs[run, 3])


@compiled
def _reach_over(
    arrays: Arrays,
    low: int,
    high: int,
    memory: Int64s,
) -> tuple[int, int, int]:
    """List in ``memory`` the right rows of chunk ``low .. high`` that reach the row ``high``.

    Returns the first right row of the group and the part of the memory; -1 when the chunk ends
    between groups.
    """
    left_start, _, right_start, right_end, runs, slack = arrays
    run = first_run(runs, high)
    if run == runs.shape[0] or runs[run, 0] >= high:
        return -1, 0, 0
    first = first_right(left_start, right_start, runs, run, low)
    stop = lower(right_start, left_start[high], first, runs[run, 3])
    found = first
    for row in range(first, stop):
        if last_tick(right_start, right_end, row, slack) >= left_start[high]:
            memory[found] = row
            found += 1
    return runs[run, 2], first, found
