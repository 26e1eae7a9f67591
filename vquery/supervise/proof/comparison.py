"""Two results on the same items: what became better, by how much, and which items changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.errors import LabelError
from vquery.metrics.bootstrap import ends, plain
from vquery.supervise.proof.rows import row_columns
from vquery.supervise.proof.sums import whole
from vquery.supervise.proof.texts import comparison_pieces, comparison_text
from vquery.view.page import fragment

if TYPE_CHECKING:
    from vquery.supervise.proof.assessment import Assessment


SCHEMA = pa.schema(
    [
        ("metric", pa.string()),
        ("before", pa.float64()),
        ("after", pa.float64()),
        ("difference", pa.float64()),
        ("low", pa.float64()),
        ("high", pa.float64()),
        ("better", pa.bool_()),
    ]
)
OWN = ("row", "truth", "before", "after", "became")
"""Columns of ``changed`` beside those of items."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """What another result does better or worse on the same items.

    Attributes
    ----------
    table
        For each figure ``before`` and ``after``, ``difference`` with its interval ``low, high``
        from the same draws of groups for both, and ``better``: true or false where the interval
        leaves 0 out, null where it does not.
    changed
        Items whose label differs: ``row``, the columns of items, ``truth, before, after`` and
        ``became``: "right", "wrong", "other" (wrong both times) or "unknown" (no truth).
    """

    table: pa.Table
    changed: pa.Table

    @classmethod
    def of(cls, before: Assessment, after: Assessment) -> Comparison:
        """Compare two assessments of the same items.

        Raises
        ------
        LabelError
            If items, truth, classes or groups are not the same.
        """
        for one in (before, after):
            if not hasattr(one, "rows") or not hasattr(one, "options"):
                raise LabelError(
                    "results are compared that vq.assess() or db.assess() gave; got "
                    f"{type(one).__name__}"
                )
        _check_same(before, after)
        lines = [_line(name, before, after) for name in before._figures if name in after._figures]
        return cls(pa.Table.from_pylist(lines, schema=SCHEMA), _changed(before, after))

    @property
    def fixed(self) -> int:
        """Items that became right."""
        return self._count("right")

    @property
    def broken(self) -> int:
        """Items that became wrong."""
        return self._count("wrong")

    def _count(self, what: str) -> int:
        return int(pc.sum(pc.equal(self.changed["became"], what)).as_py() or 0)

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain values, for JSON."""
        return {
            "metrics": self.table.to_pylist(),
            "fixed": self.fixed,
            "broken": self.broken,
            "changed": self.changed.num_rows,
        }

    def __str__(self) -> str:
        return comparison_text(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return fragment(*comparison_pieces(self))


def _check_same(one: Assessment, other: Assessment) -> None:
    mine, theirs = one.rows, other.rows
    same = {
        "the number of items": mine.n == theirs.n,
        "classes": mine.classes == theirs.classes,
        "truth": np.array_equal(mine.truth, theirs.truth),
        "groups": np.array_equal(mine.group, theirs.group),
        "times": np.array_equal(mine.start, theirs.start) and np.array_equal(mine.end, theirs.end),
        "options": one.options == other.options,
    }
    for what, holds in same.items():
        if not holds:
            raise LabelError(
                f"two results are compared on the same items, but {what} differ; assess both with "
                "the same truth, items, groups and options"
            )


def _line(name: str, one: Assessment, other: Assessment) -> dict[str, Any]:
    figure = one._figures[name]
    values = [figure.make(whole(each._sums))[0] for each in (one, other)]
    apart = figure.make(other._totals) - figure.make(one._totals)
    low, high, _ = ends(apart, one.options.level)
    better = None
    if low is not None and high is not None and (low > 0 or high < 0):
        better = (low > 0) == (figure.sign > 0)
    before, after = map(plain, values)
    difference = None if before is None or after is None else after - before
    return {
        "metric": name, "before": before, "after": after, "difference": difference, "low": low,
        "high": high, "better": better,
    }  # fmt: skip


def _changed(one: Assessment, other: Assessment) -> pa.Table:
    truth, before, after = one.rows.truth, one.rows.label, other.rows.label
    rows = np.flatnonzero(before != after)
    became = np.full(len(rows), "other", object)
    became[truth[rows] == after[rows]] = "right"
    became[truth[rows] == before[rows]] = "wrong"
    became[truth[rows] < 0] = "unknown"
    columns = row_columns(one.items, rows, OWN)
    names = [*(str(value) for value in one.rows.classes), None]
    for name, codes in (("truth", truth), ("before", before), ("after", after)):
        columns[name] = pa.array([names[code] for code in codes[rows]], pa.string())
    return pa.table(columns | {"became": pa.array(became, pa.string())})
