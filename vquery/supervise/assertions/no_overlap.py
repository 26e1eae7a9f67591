"""No overlap: what cannot share time, or time and space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from vquery.engine.arrays import value_codes
from vquery.errors import SchemaError
from vquery.schema import US_PER_S
from vquery.supervise.assertions.findings import (
    Assertion,
    Found,
    columns_of,
    nothing,
    share_of,
    violations,
)
from vquery.supervise.assertions.pairs import iou_of, together

if TYPE_CHECKING:
    from vquery.supervise.assertions.rows import Rows


@dataclass(frozen=True, kw_only=True)
class NoOverlap(Assertion):
    """See `no_overlap`."""

    same: tuple[str, ...]
    iou: float | None
    apart: str | None
    rank: ClassVar[int] = 5

    def find(self, rows: Rows) -> Found:
        """List the pairs; O(n log n + pairs that share time)."""
        group = rows.codes(self.same, self.name)
        left, right = together(rows, group, least=0.0, iou=self.iou or 0.0)
        if self.apart is not None:
            other = value_codes(rows.column(self.apart, self.name))[0]
            differ = (other[left] != other[right]) & (other[left] >= 0) & (other[right] >= 0)
            left, right = left[differ], right[differ]
        start = np.maximum(rows.start[left], rows.start[right])
        end = np.maximum(np.minimum(rows.end[left], rows.end[right]), start)
        severity = _shared(rows, left, right, end - start)
        if self.iou is not None:
            if rows.box is None:
                raise SchemaError(f"{self.name}: iou= needs boxes (x1, y1, x2, y2)")
            severity = iou_of(rows.box[left], rows.box[right])
            near = severity > self.iou
            left, right, start, end = left[near], right[near], start[near], end[near]
            severity = severity[near]
        if not len(left):
            return nothing()
        told = [f"together for {one / US_PER_S:.3g} s" for one in (end - start).tolist()]
        return Found(
            violations(
                self.name,
                rows,
                video=rows.video[left],
                start=start,
                end=end,
                items=np.c_[rows.item[left], rows.item[right]].tolist(),
                severity=severity,
                before=told,
            ),
            nothing().corrections,
        )


def no_overlap(
    same: str | tuple[str, ...] = "class",
    *,
    iou: float | None = None,
    apart: str | None = "track",
    name: str = "",
) -> NoOverlap:
    """Assert that two rows of equal ``same`` never share time, or never time and space.

    ``no_overlap("name")``: one person is not in two tracks at once. ``no_overlap("class", iou=.3)``
    for cars seen from above: two of them are not in one place. What is wrong is not known, so
    nothing is corrected.

    Parameters
    ----------
    same
        Columns; only rows of equal values meet, and rows without a value take no part.
    iou
        Least overlap of boxes that cannot be; None: sharing time is enough.
    apart
        A column that must differ, such as "track", since a row may well share time with others of
        its track; None: any two rows.
    name
        What violations call the rule; "no_overlap_SAME" by default.

    Raises
    ------
    QueryError
        If an argument cannot be.
    """
    columns = columns_of(same, "no_overlap()")
    made = NoOverlap(
        name=name,
        same=columns,
        iou=None if iou is None else share_of(iou, "no_overlap(iou=)"),
        apart=None if apart is None else columns_of(apart, "no_overlap(apart=)")[0],
    )
    made.settle_name(f"no_overlap_{'_'.join(columns)}")
    return made


def _shared(rows: Rows, left: np.ndarray, right: np.ndarray, shared: np.ndarray) -> np.ndarray:
    """Share of the shorter row's time; 1 for instants."""
    shorter = np.minimum((rows.end - rows.start)[left], (rows.end - rows.start)[right])
    whole = np.ones(len(shared))
    np.divide(shared, shorter, out=whole, where=shorter > 0)
    return whole
