"""Appear: something is there for a moment, out of nowhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from vquery.schema import US_PER_S
from vquery.supervise.assertions.findings import (
    REMOVE,
    Assertion,
    Found,
    believed,
    columns_of,
    corrections,
    nothing,
    seconds_of,
    violations,
)
from vquery.supervise.assertions.runs import in_order, runs_of

if TYPE_CHECKING:
    from vquery.supervise.assertions.rows import Rows

MIN_DURATION_S = 0.2
"""About the shortest time in which a person sees what something is: nothing is shown on purpose
for less, and nobody walks through a picture so fast."""


@dataclass(frozen=True, kw_only=True)
class Appear(Assertion):
    """See `appear`."""

    min_duration_us: int
    by: tuple[str, ...]
    rank: ClassVar[int] = 4

    def find(self, rows: Rows) -> Found:
        """List the short presences of each group, and remove their rows; O(n log n)."""
        order = in_order(rows, rows.codes(self.by, self.name))
        runs = runs_of(rows, order)
        if not len(runs.first):
            return nothing()
        least, rest = self.min_duration_us, order.row[runs.first]
        low, high = (_bound(rows, side, rest) for side in (0, 1))
        since = np.where(runs.opens, low, np.roll(runs.end, 1))
        until = np.where(runs.closes, high, np.roll(runs.start, -1))
        length = runs.end - runs.start
        short = np.flatnonzero(
            (length < least) & (runs.start - since >= least) & (until - runs.end >= least)
        )
        if not len(short):
            return nothing()
        severity = 1.0 - length[short] / least
        weight = believed(severity)
        first, size = runs.first[short], runs.size[short]
        members = [order.row[at : at + many] for at, many in zip(first, size, strict=True)]
        found = violations(
            self.name,
            rows,
            video=rows.video[order.row[first]],
            start=runs.start[short],
            end=runs.end[short],
            items=[rows.item[one].tolist() for one in members],
            severity=severity,
            before=[f"there for {one / US_PER_S:.3g} s" for one in length[short].tolist()],
            after=["not there"] * len(short),
            action=REMOVE,
            weight=weight,
        )
        of = np.repeat(np.arange(len(short)), size)
        removed = corrections(
            self.name, rows, REMOVE, np.concatenate(members), violation=of, weight=weight[of]
        )
        return Found(found, removed)


def _bound(rows: Rows, side: int, row: np.ndarray) -> np.ndarray:
    """Start (side 0) or end (1) of the shots of some rows; where none is known, their own."""
    known, own = rows.shots[side], (rows.start, rows.until)[side][row]
    if not len(known):
        return np.asarray(own)
    shot = rows.shot[row]
    return np.asarray(np.where(shot < 0, own, known[np.maximum(shot, 0)]))


def appear(
    *, min_duration: float = MIN_DURATION_S, by: str | tuple[str, ...] = "track", name: str = ""
) -> Appear:
    """Assert that nothing shows for less than ``min_duration`` seconds between longer absences.

    What does is removed. Absences reach to the borders of the shot: what is cut off by them, or by
    the first and last frame that rows are known of, may well be longer and stays.

    Parameters
    ----------
    min_duration
        Seconds; shorter presences break the rule, if as much time passes before and after them.
    by, name
        As for `vquery.flicker`.

    Raises
    ------
    QueryError
        If an argument cannot be.
    """
    made = Appear(
        name=name,
        min_duration_us=seconds_of(min_duration, "appear(min_duration=)"),
        by=columns_of(by, "appear(by=)"),
    )
    made.settle_name("appear")
    return made
