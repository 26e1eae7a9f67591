"""Conditions as matrices of integers, for machines that want one simple test for all.

Every comparison becomes the same test: a bound of the left row is at most a key of the right row.
Floats are replaced by integers in the same order. The bound of ``right - left <= limit`` is the
last value whose rounded difference passes, worked out once for each left row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from vquery_kernels.arrays import Int64s, frozen
from vquery_kernels.coordinates import highest_within, order_key
from vquery_kernels.residual import Compare, Distance, Iou, Present

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vquery_kernels.residual import Condition, Residual

HIGHEST, LOWEST = 2**63 - 1, -(2**63)
Values: TypeAlias = npt.NDArray[Any]


class Matrices(NamedTuple):
    """All conditions of a residual; arrays are read-only and by given row number."""

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


def matrices_of(residual: Residual) -> Matrices:
    """Turn conditions into matrices.

    >>> from vquery_kernels.residual import residual_of
    >>> near = Distance(np.array([1, 5]), np.array([3]), low=0, high=2)
    >>> made = matrices_of(residual_of([near], 2, 1))
    >>> [bool((made.bounds[row] <= made.keys[0]).all()) for row in (0, 1)]
    [True, False]
    """
    collected = _Collected(*residual.rows)
    for condition in residual.conditions:
        collected.add(condition)
    return collected.matrices()


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
            self.boxes = condition
        else:
            left, right = condition.left, condition.right
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
        else:
            for make in COMPARISONS[condition.operation]:
                yield make(as_keys(left), right)

    def _bound(self, given: Bound) -> None:
        if given.never is not None and given.never.any():
            self._require(~given.never, None)
        place = id(given.right), given.turned
        if place in self.bounds:
            given = given._replace(bound=np.maximum(given.bound, self.bounds[place][0]))
        self.bounds[place] = given.bound, given.right

    def _require(self, *marked: npt.NDArray[np.bool_] | None) -> None:
        for side, mark in enumerate(marked):
            if mark is not None:
                known = self.present[side]
                self.present[side] = mark if known is None else known & mark

    def matrices(self) -> Matrices:
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
        return Matrices(
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
    """Add a limit to the left values; it may itself not fit int64 by a little."""
    if limit >= 0:
        over = keys > HIGHEST - limit
        fits = np.where(over, LOWEST, keys) + min(limit, HIGHEST)
        return Bound(np.where(over, HIGHEST, fits + max(limit - HIGHEST, 0)), over, right, turned)
    under = keys < LOWEST - limit
    fits = np.where(under, HIGHEST, keys) + max(limit, LOWEST)
    return Bound(np.where(under, LOWEST, fits + min(limit - LOWEST, 0)), None, right, turned)


def _near_floats(condition: Distance, left: Values, right: Values) -> Iterator[Bound]:
    """Floats: the limits are the farthest values that pass the rounded test."""
    strict = condition.strict
    if condition.low is not None:  # right - left >= low is (-right) - (-left) <= -low
        yield Bound(
            -highest_within(-left, -condition.low, strict=strict), None, right, turned=False
        )
    if condition.high is not None:
        yield Bound(~highest_within(left, condition.high, strict=strict), None, right, turned=True)
