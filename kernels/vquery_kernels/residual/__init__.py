"""Conditions on pairs of rows that a join tests while it looks for the pairs.

Each condition compares a value of the left row with a value of the right row. All become the same
test on integers: a bound of the left row is at most a key of the right row. The bound of
``right - left <= limit`` is worked out once for each left row, so a pair costs one comparison and
the result is exact, float32 as float32.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from vquery_kernels.arrays import Int64s, frozen
from vquery_kernels.coordinates import highest_within, order_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["Compare", "Condition", "Distance", "Iou", "Present", "Residual", "residual_of"]

HIGHEST, LOWEST = 2**63 - 1, -(2**63)
Values: TypeAlias = npt.NDArray[Any]
Boxes: TypeAlias = tuple[Values, Values, Values, Values]


@dataclass(frozen=True, slots=True, eq=False)
class Compare:
    """``left <operation> right``, both of one type: bool, integer, float32 or float64."""

    operation: str  # "<", "<=", ">", ">=", "==" or "!="
    left: Values
    right: Values


@dataclass(frozen=True, slots=True, eq=False)
class Distance:
    """``low <= right - left <= high`` (``<`` where strict), in the type of both; None: no limit."""

    left: Values
    right: Values
    low: float | None = None
    high: float | None = None
    strict: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Iou:
    """Intersection over union of two boxes (x1, y1, x2, y2) is at least a number, in float32."""

    left: Boxes
    right: Boxes
    at_least: float


@dataclass(frozen=True, slots=True, eq=False)
class Present:
    """Both rows are marked; None: all rows of a side are."""

    left: npt.NDArray[np.bool_] | None
    right: npt.NDArray[np.bool_] | None


Condition: TypeAlias = Compare | Distance | Iou | Present


class Residual(NamedTuple):
    """Conditions ready to be tested; arrays are read-only and by given row number."""

    bounds: Int64s  # (n, conditions)
    keys: Int64s  # (m, conditions): holds where no bound is above its key
    apart_left: Int64s  # (n, conditions): holds where no two are equal
    apart_right: Int64s
    left_boxes: npt.NDArray[np.float32]  # (n, 4), or (0, 4) without a test on boxes
    right_boxes: npt.NDArray[np.float32]
    at_least: np.float32


class Bound(NamedTuple):
    """A bound of every left row on a value of the right row; ``never`` marks rows without any."""

    bound: Int64s
    never: npt.NDArray[np.bool_] | None
    right: Values
    turned: bool  # the key is the value's with all bits turned: it falls where the value rises


def residual_of(conditions: Iterable[Condition], left_rows: int, right_rows: int) -> Residual:
    """Prepare conditions that all have to hold.

    A value that is no number (nan) satisfies no condition. Nulls of other types are told by
    :class:`Present`.

    Raises
    ------
    ValueError
        For arrays of another length or type than said, an unknown operation, or two tests on boxes.

    >>> test = residual_of([Distance(np.array([1, 5]), np.array([3]), low=0, high=2)], 2, 1)
    >>> [bool((test.bounds[row] <= test.keys[0]).all()) for row in (0, 1)]
    [True, False]
    """
    collected = _Collected(left_rows, right_rows)
    for condition in conditions:
        collected.add(condition)
    return collected.residual()


class _Collected:
    """Bounds by right value, so that several on one value become one."""

    def __init__(self, left_rows: int, right_rows: int) -> None:
        self.rows = left_rows, right_rows
        self.bounds: dict[tuple[int, bool], tuple[Int64s, Values]] = {}
        self.apart: list[tuple[Int64s, Int64s]] = []
        self.present: list[npt.NDArray[np.bool_] | None] = [None, None]
        self.boxes: Iou | None = None

    def add(self, condition: Condition) -> None:
        if isinstance(condition, Present):
            self._require(condition.left, condition.right)
        elif isinstance(condition, Iou):
            self._add_boxes(condition)
        else:
            left, right = self._checked(condition.left, condition.right)
            if left.dtype.kind == "f":
                missing = np.isnan(left), np.isnan(right)
                self._require(*(~each if each.any() else None for each in missing))
            for bound in self._bounds(condition, left, right):
                self._bound(bound)

    def _bounds(
        self, condition: Compare | Distance, left: Values, right: Values
    ) -> Iterator[Bound]:
        if isinstance(condition, Distance):
            yield from (_near_floats if left.dtype.kind == "f" else _near)(condition, left, right)
        elif condition.operation == "!=":
            self.apart.append((as_keys(left), as_keys(right)))
        elif condition.operation in COMPARISONS:
            for make in COMPARISONS[condition.operation]:
                yield make(as_keys(left), right)
        else:
            raise ValueError(f"unknown operation {condition.operation!r}")

    def _bound(self, given: Bound) -> None:
        if given.never is not None and given.never.any():
            self._require(~given.never, None)
        place = id(given.right), given.turned
        if place in self.bounds:
            given = given._replace(bound=np.maximum(given.bound, self.bounds[place][0]))
        self.bounds[place] = given.bound, given.right

    def _require(self, *marked: npt.NDArray[np.bool_] | None) -> None:
        for side, (mark, rows) in enumerate(zip(marked, self.rows, strict=True)):
            if mark is not None:
                if mark.shape != (rows,):
                    raise ValueError(f"expected {rows} marks, got shape {mark.shape}")
                known = self.present[side]
                self.present[side] = mark if known is None else known & mark

    def _checked(self, left: Values, right: Values) -> tuple[Values, Values]:
        if (left.shape, right.shape) != ((self.rows[0],), (self.rows[1],)):
            raise ValueError(f"expected {self.rows} values, got {left.shape} and {right.shape}")
        if left.dtype != right.dtype or left.dtype.kind not in "bif":
            raise ValueError(
                f"both sides must be of one type of numbers, got {left.dtype} and {right.dtype}"
            )
        return left, right

    def _add_boxes(self, condition: Iou) -> None:
        if self.boxes is not None:
            raise ValueError("there can be one test on boxes only")
        self.boxes = condition

    def residual(self) -> Residual:
        turned = (turn for _, turn in self.bounds)
        columns = [
            (bound, ~as_keys(right) if turn else as_keys(right))
            for (bound, right), turn in zip(self.bounds.values(), turned, strict=True)
        ]
        rows, others = self.rows
        left, right = self.present
        if left is not None or right is not None:
            bound = np.zeros(rows, np.int64) if left is None else np.where(left, 0, 2)
            key = np.ones(others, np.int64) if right is None else np.where(right, 1, -1)
            columns.append((bound, key))
        boxes = self.boxes
        none = np.zeros((0, 4), np.float32)
        return Residual(
            _stacked([bound for bound, _ in columns], rows),
            _stacked([key for _, key in columns], others),
            _stacked([code for code, _ in self.apart], rows),
            _stacked([code for _, code in self.apart], others),
            frozen(none if boxes is None else np.stack(boxes.left, 1).astype(np.float32)),
            frozen(none if boxes is None else np.stack(boxes.right, 1).astype(np.float32)),
            np.float32(0 if boxes is None else boxes.at_least),
        )


def as_keys(values: Values) -> Int64s:
    """Integers in the order of the values."""
    if values.dtype.kind == "f":
        return order_key(values)
    return values.astype(np.int64, copy=False)


def _stacked(columns: list[Int64s], rows: int) -> Int64s:
    matrix = np.empty((rows, len(columns)), np.int64)
    for number, each in enumerate(columns):
        matrix[:, number] = each
    return frozen(matrix)


def _at_least(left: Int64s, right: Values) -> Bound:
    return Bound(left, None, right, turned=False)


def _at_most(left: Int64s, right: Values) -> Bound:
    return Bound(~left, None, right, turned=True)


def _more(left: Int64s, right: Values) -> Bound:
    highest = left == HIGHEST
    return Bound(left + ~highest, highest, right, turned=False)


def _less(left: Int64s, right: Values) -> Bound:
    return _more(~left, right)._replace(turned=True)


COMPARISONS: dict[str, tuple[Callable[[Int64s, Values], Bound], ...]] = {
    "<": (_more,),
    "<=": (_at_least,),
    ">": (_less,),
    ">=": (_at_most,),
    "==": (_at_least, _at_most),
}
"""The bounds on the right value that each comparison of the left value with it means."""


def _near(condition: Distance, left: Values, right: Values) -> Iterator[Bound]:
    """Whole numbers: the limits are added to the left value, where the sum does not fit never."""
    keys, slack = as_keys(left), 1 if condition.strict else 0
    if condition.low is not None:
        yield _added(keys, int(condition.low) + slack, right, turned=False)
    if condition.high is not None:
        yield _added(~keys, slack - int(condition.high), right, turned=True)


def _added(keys: Int64s, limit: int, right: Values, *, turned: bool) -> Bound:
    limit = min(max(limit, LOWEST), HIGHEST)
    if limit >= 0:
        over = keys > HIGHEST - limit
        return Bound(np.where(over, HIGHEST, keys + limit), over, right, turned)
    under = keys < LOWEST - limit
    return Bound(np.where(under, LOWEST, keys + limit), None, right, turned)


def _near_floats(condition: Distance, left: Values, right: Values) -> Iterator[Bound]:
    """Floats: the limits are the farthest values that pass the rounded test."""
    strict = condition.strict
    if condition.low is not None:  # right - left >= low is (-right) - (-left) <= -low
        yield Bound(
            -highest_within(-left, -condition.low, strict=strict), None, right, turned=False
        )
    if condition.high is not None:
        yield Bound(~highest_within(left, condition.high, strict=strict), None, right, turned=True)
