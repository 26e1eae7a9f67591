"""Consistent: one value for all rows of a track, a shot or a place in the picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pyarrow as pa

from vquery.engine.arrays import value_codes
from vquery.errors import QueryError, SchemaError
from vquery.supervise.assertions.findings import (
    RELABEL,
    Assertion,
    Found,
    columns_of,
    corrections,
    nothing,
    violations,
)
from vquery.supervise.assertions.pairs import iou_of
from vquery.supervise.assertions.rows import by_group

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vquery.supervise.assertions.rows import Rows

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

SLOT = "slot"
SLOT_IOU = 0.5
"""Boxes of one shot belong to one slot where they overlap its first box by this; the usual measure
of whether two boxes are the same."""


@dataclass(frozen=True, kw_only=True)
class Consistent(Assertion):
    """See `consistent`."""

    column: str
    within: tuple[str, ...]
    rank: ClassVar[int] = 2

    def find(self, rows: Rows) -> Found:
        """List groups with several values, and give the others the most usual one."""
        value = value_codes(rows.column(self.column, self.name))[0]
        group = self._group(rows)
        known = np.flatnonzero((value >= 0) & (group >= 0))
        if not len(known):
            return nothing()
        group, value = _dense(group[known]), value[known]
        worth = np.nan_to_num(rows.score[known], nan=1.0)
        human = np.isin(rows.item[known], list(rows.said.get(self.column, ())))
        spoken = np.bincount(group, human) > 0
        worth = np.where(spoken[group], human, worth)
        cells, cell = np.unique(group * (value.max() + 1) + value, return_inverse=True)
        mass = np.bincount(cell, worth).astype(np.float64)
        of = cells // (value.max() + 1)
        best, second = _two_best(of, mass)
        total = np.bincount(of, mass)
        several = np.bincount(of) > 1
        decided = several & (mass[best] > second)
        wrong = np.flatnonzero(several[group] & ~(decided[group] & (cell == best[group])))
        share = np.divide(mass[best], total, out=np.ones_like(total), where=total > 0)
        return self._found(rows, known, group, wrong, decided, best, cell, share)

    def _group(self, rows: Rows) -> Ints:
        if self.within == (SLOT,):
            return slots(rows, self.name)
        columns = ("video", *self.within) if "video" not in self.within else self.within
        return rows.codes(columns, self.name)

    def _found(
        self,
        rows: Rows,
        known: Ints,
        group: Ints,
        wrong: Ints,
        decided: np.ndarray,
        best: Ints,
        cell: Ints,
        share: Floats,
    ) -> Found:
        if not len(wrong):
            return nothing()
        column = rows.table[self.column]
        sample = np.zeros(cell.max() + 1, np.int64)  # a row of each value of each group
        sample[cell] = known
        texts = column.cast(pa.string())
        found, fixed = [], []
        for number, (code, at) in enumerate(by_group(group[wrong])):
            some = known[wrong[at]]
            sure = bool(decided[code])
            right = texts[int(sample[best[code]])].as_py()
            others = sorted(set(texts.take(pa.array(some)).to_pylist()))
            weight = float(share[code])
            found.append(
                {
                    "rows": some,
                    "before": ", ".join(others),
                    "after": right if sure else None,
                    "severity": 1.0 - weight,
                    "weight": weight if sure else None,
                }
            )
            if sure:
                fixed.append((number, some, right, weight))
        return Found(self._violations(rows, found), self._corrections(rows, texts, fixed))

    def _violations(self, rows: Rows, found: list[dict[str, Any]]) -> pa.Table:
        first = np.array([one["rows"][0] for one in found])
        table = violations(
            self.name,
            rows,
            video=rows.video[first],
            start=np.array([rows.start[one["rows"]].min() for one in found]),
            end=np.array([rows.end[one["rows"]].max() for one in found]),
            items=[rows.item[one["rows"]].tolist() for one in found],
            severity=np.array([one["severity"] for one in found]),
            before=[one["before"] for one in found],
            after=[one["after"] for one in found],
        )
        weight = pa.array([one["weight"] for one in found], pa.float32())
        action = [None if one["weight"] is None else RELABEL for one in found]
        at = table.schema.get_field_index
        table = table.set_column(at("action"), "action", pa.array(action, pa.string()))
        return table.set_column(at("weight"), "weight", weight)

    def _corrections(
        self, rows: Rows, texts: pa.ChunkedArray, fixed: list[tuple[int, Ints, str, float]]
    ) -> pa.Table:
        if not fixed:
            return nothing().corrections
        row = np.concatenate([some for _, some, _, _ in fixed])
        counts = [len(some) for _, some, _, _ in fixed]
        return corrections(
            self.name,
            rows,
            RELABEL,
            row,
            violation=np.repeat([number for number, _, _, _ in fixed], counts),
            weight=np.repeat([weight for _, _, _, weight in fixed], counts),
            column=self.column,
            before=texts.take(pa.array(row)),
            after=pa.array(np.repeat([right for _, _, right, _ in fixed], counts), pa.string()),
        )


def consistent(
    column: str, *, within: str | tuple[str, ...] = "track", name: str = ""
) -> Consistent:
    """Assert that ``column`` has one value within each track, or within what else is named.

    Rows of other values get the one with the largest sum of scores (of rows, where there are no
    scores; of human labels, where there are any); at a tie nothing is corrected. Rows without a
    value take no part.

    Parameters
    ----------
    column
        Such as "name" or "class".
    within
        Columns that say what belongs together, inside one video: "track", "shot_id" …; or "slot",
        a place in the picture within one shot, where the same person sits all the time.
    name
        What violations call the rule; "consistent_COLUMN" by default.

    Raises
    ------
    QueryError
        If an argument cannot be.
    """
    if not isinstance(column, str) or not column:
        raise QueryError(f"consistent() takes the name of a column, got {column!r}")
    made = Consistent(name=name, column=column, within=columns_of(within, "consistent(within=)"))
    made.settle_name(f"consistent_{column}")
    return made


def slots(rows: Rows, rule: str) -> Ints:
    """Find the places of each shot, -1 for rows outside shots or without a box.

    In the order of time, a box goes to the slot whose first box it overlaps most, by at least
    ``SLOT_IOU``, else it opens one. O(n x slots of a shot).
    """
    if rows.box is None:
        raise SchemaError(f"{rule}: slots need boxes (x1, y1, x2, y2), and the table has none")
    out = np.full(len(rows), -1, np.int64)
    boxed = (rows.shot >= 0) & ~np.isnan(rows.box).any(axis=1)
    taking = np.flatnonzero(boxed)
    made = 0
    for _, at in by_group(rows.shot[taking]):
        some = taking[at]
        firsts = np.empty((0, 4))
        for row in some[np.lexsort((rows.item[some], rows.start[some]))].tolist():
            near = iou_of(firsts, np.repeat(rows.box[[row]], len(firsts), axis=0))
            if len(near) and near.max() >= SLOT_IOU:
                out[row] = made + int(near.argmax())
            else:
                out[row] = made + len(firsts)
                firsts = np.concatenate([firsts, rows.box[[row]]])
        made += len(firsts)
    return out


def _dense(codes: Ints) -> Ints:
    return np.asarray(np.unique(codes, return_inverse=True)[1].reshape(-1), np.int64)


def _two_best(of: Ints, mass: Floats) -> tuple[Ints, Floats]:
    """For each group the cell with most mass, and the mass of the second one (0: there is none)."""
    order = np.lexsort((np.arange(len(of)), -mass, of))
    first = np.flatnonzero(np.diff(of[order], prepend=-1))
    size = np.diff(np.append(first, len(of)))
    second = np.where(size > 1, mass[order[np.minimum(first + 1, len(of) - 1)]], 0.0)
    return order[first], second
