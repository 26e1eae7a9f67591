"""Sequences by trying every row after every row, the preferred one first. Oracle and fallback."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vquery_kernels.sequence import Automaton, Found, Limits

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from vquery_kernels.arrays import Int64s

Parts = tuple[tuple[int, int], ...]


def sequence(
    partitions: Int64s,
    start: Int64s,
    end: Int64s,
    carries: npt.NDArray[np.bool_],
    automaton: Automaton,
    limits: Limits,
    *,
    every: bool,
) -> Found:
    """See :func:`vquery_kernels.sequence.sequence`."""
    found: list[Parts] = []
    for first, last in zip(partitions[:-1].tolist(), partitions[1:].tolist(), strict=True):
        search = _Search(first, last, start, end, carries, automaton, limits)
        found.extend(search.every() if every else search.greedy())
    flat = [part for parts in found for part in parts]
    row, symbol = np.array(flat, np.int64).reshape(-1, 2).T
    return Found(np.cumsum([0, *map(len, found)]), row.copy(), symbol.copy())


class _Search:
    """One partition."""

    def __init__(
        self,
        first: int,
        last: int,
        start: Int64s,
        end: Int64s,
        carries: npt.NDArray[np.bool_],
        automaton: Automaton,
        limits: Limits,
    ) -> None:
        self.rows = range(first, last)
        self.start, self.end, self.carries = start, end, carries
        self.automaton, self.limits = automaton, limits

    def greedy(self) -> Iterator[Parts]:
        """Take the first choice at each place, then go on behind it."""
        used = self.rows.start - 1
        for row in self.rows:
            parts = next(self.ways(-1, (), row), None) if row > used else None
            if parts is not None:
                yield parts
                used = parts[-1][0]

    def every(self) -> list[Parts]:
        """Take all choices, each once."""
        return sorted({parts for row in self.rows for parts in self.ways(-1, (), row)})

    def ways(self, state: int, parts: Parts, only: int | None = None) -> Iterator[Parts]:
        """Complete ``parts``, whose last row went to ``state``, in every way; the best first."""
        automaton = self.automaton
        for edge in range(automaton.bounds[state + 1], automaton.bounds[state + 2]):
            target = int(automaton.target[edge])
            if target == automaton.symbol.size:
                if parts:
                    yield parts
                continue
            symbol = int(automaton.symbol[target])
            for row in self.rows if only is None else (only,):
                guard = int(automaton.guard[edge])
                if self.carries[symbol, row] and self.may_follow(row, parts, guard):
                    yield from self.ways(target, (*parts, (row, symbol)))

    def may_follow(self, row: int, parts: Parts, guard: int) -> bool:
        """Whether a row may come after those chosen."""
        first = parts[0][0] if parts else row
        if self.end[row] - self.start[first] > self.limits.within:
            return False
        if not parts:
            return True
        last = parts[-1][0]
        if row <= last or (not self.limits.skip and row != last + 1):
            return False
        gap = self.start[row] - self.end[last]
        if gap < 0 and not self.limits.overlap:
            return False
        if not self.limits.min_gap <= max(gap, 0) <= self.limits.max_gap:
            return False
        return not self.forbidden(last, row, guard)

    def forbidden(self, last: int, row: int, guard: int) -> bool:
        """Whether something starts between two rows that must not."""
        symbols = self.automaton.guards[guard]
        return any(
            self.start[last] < self.start[each] < self.start[row]
            and bool(self.carries[symbols, each].any())
            for each in self.rows
        )
