"""What assertions hand over: violations, and what to do about them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pyarrow as pa

from vquery import schema
from vquery.errors import QueryError
from vquery.schema import BOX

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vquery.supervise.assertions.rows import Rows

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

LEAST, MOST = 0.5, 0.9
"""Weights of the least and the most certain correction: each is more likely right than wrong, and
none is as sure as a person."""
REMOVE, ADD, RELABEL = "remove", "add", "relabel"


@dataclass(frozen=True)
class Found:
    """What one assertion found; violations are numbered from 0 here.

    Attributes
    ----------
    violations
        Schema VIOLATION.
    corrections
        Schema CORRECTION.
    notes
        What could not be looked at, and why.
    """

    violations: pa.Table
    corrections: pa.Table
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Assertion(ABC):
    """A rule; `find` says what breaks it.

    Attributes
    ----------
    name
        What violations call it.
    rank
        Rules of a lower rank are checked first, and the others see what they corrected.
    """

    name: str
    rank: ClassVar[int] = 9

    @abstractmethod
    def find(self, rows: Rows) -> Found:
        """Look for what breaks the rule."""

    def settle_name(self, rule: str) -> None:
        """Take a name, the rule's own where none is given; refuse what is no text."""
        if not isinstance(self.name, str):
            raise QueryError(f"{rule}(name=) must be text, got {self.name!r}")
        if not self.name:
            object.__setattr__(self, "name", rule)


def seconds_of(value: Any, what: str) -> int:
    """Take seconds as microseconds.

    >>> seconds_of(0.5, "flicker(max_gap=)")
    500000
    >>> seconds_of(-1, "flicker(max_gap=)")
    Traceback (most recent call last):
    vquery.errors.QueryError: flicker(max_gap=) must be a number of seconds above 0, got -1
    """
    number = isinstance(value, int | float | np.integer | np.floating)
    if isinstance(value, bool) or not number or not 0 < value < np.inf:
        raise QueryError(f"{what} must be a number of seconds above 0, got {value!r}")
    return round(float(value) * schema.US_PER_S)


def share_of(value: Any, what: str) -> float:
    """Check a share of the area of two boxes: above 0, at most 1."""
    number = isinstance(value, int | float | np.integer | np.floating)
    if isinstance(value, bool) or not number or not 0 < value <= 1:
        raise QueryError(f"{what} must be above 0 and at most 1, got {value!r}")
    return float(value)


def columns_of(value: Any, what: str) -> tuple[str, ...]:
    """Take the name of a column, or several.

    >>> columns_of("track", "flicker(by=)"), columns_of(["a", "b"], "flicker(by=)")
    (('track',), ('a', 'b'))
    """
    several = isinstance(value, list | tuple)
    names = (value,) if isinstance(value, str) else tuple(value) if several else ()
    if not names or not all(isinstance(name, str) and name for name in names):
        raise QueryError(f"{what} must be the name of a column, or several, got {value!r}")
    return names


def believed(severity: Floats) -> Floats:
    """Weight of corrections whose violations are so severe (0 to 1)."""
    return LEAST + (MOST - LEAST) * severity


def violations(
    rule: str,
    rows: Rows,
    *,
    video: Ints,
    start: Ints,
    end: Ints,
    items: Sequence[Sequence[int]],
    severity: Floats,
    before: Sequence[str | None],
    after: Sequence[str | None] | None = None,
    action: str | None = None,
    weight: Floats | None = None,
) -> pa.Table:
    """Make rows of schema VIOLATION, numbered from 0."""
    count = len(start)
    found = {
        "violation": np.arange(count),
        "rule": pa.repeat(pa.scalar(rule, pa.string()), count),
        "video": pa.array(rows.videos, pa.string()).take(pa.array(video, pa.int64())),
        "start_us": start,
        "end_us": end,
        "items": pa.array(items, pa.list_(pa.int64())),
        "before": pa.array(before, pa.string()),
        "after": pa.nulls(count, pa.string()) if after is None else pa.array(after, pa.string()),
        "severity": severity.astype(np.float32),
        "action": pa.repeat(pa.scalar(action, pa.string()), count),
        "weight": pa.nulls(count, pa.float32()) if weight is None else weight.astype(np.float32),
    }
    return schema.conform(pa.table(found), schema.VIOLATION, what=rule)


def corrections(
    rule: str,
    rows: Rows,
    action: str,
    row: Ints,
    *,
    violation: Ints,
    weight: Floats,
    column: str | None = None,
    before: pa.Array | None = None,
    after: pa.Array | None = None,
) -> pa.Table:
    """Make rows of schema CORRECTION that remove or relabel ``row``."""
    at = pa.array(row)
    there = rows.table.column_names
    found = {
        "violation": violation,
        "rule": pa.repeat(pa.scalar(rule, pa.string()), len(row)),
        "action": pa.repeat(pa.scalar(action, pa.string()), len(row)),
        "item": rows.item[row],
        "video": rows.table["video"].cast(pa.string()).take(at),
        "start_us": rows.start[row],
        "end_us": rows.end[row],
        **{name: rows.table[name].take(at) for name in (*BOX, "score") if name in there},
        "column": pa.repeat(pa.scalar(column, pa.string()), len(row)),
        "weight": weight.astype(np.float32),
    }
    if before is not None and after is not None:
        found |= {"before": before.cast(pa.string()), "after": after.cast(pa.string())}
    return schema.conform(pa.table(found), schema.CORRECTION, what=rule)


def nothing(notes: tuple[str, ...] = ()) -> Found:
    """Find nothing."""
    return Found(schema.VIOLATION.empty_table(), schema.CORRECTION.empty_table(), notes)
