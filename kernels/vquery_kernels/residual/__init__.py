"""Conditions on pairs of rows that a join tests while it looks for the pairs.

Each condition compares a value of the left row with a value of the right row, in the type of both:
float32 as float32, int64 exactly. Arrays are read where they are, without a copy.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vquery_kernels.residual.matrices import Matrices

__all__ = ["Compare", "Condition", "Distance", "Iou", "Present", "Residual", "residual_of"]

OPERATIONS = ("<", "<=", ">", ">=", "==", "!=")
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


class Residual:
    """Checked conditions that all have to hold, on pairs of so many left and right rows."""

    def __init__(self, conditions: tuple[Condition, ...], rows: tuple[int, int]) -> None:
        self.conditions = conditions
        self.rows = rows
        # for compiled code, which has the address of the first: threads that come at once may add
        # more, and none is ever taken away
        self.programs: list[npt.NDArray[np.int64]] = []

    @functools.cached_property
    def matrices(self) -> Matrices:
        """The conditions as matrices of integers."""
        from vquery_kernels.residual.matrices import matrices_of

        return matrices_of(self)


def residual_of(conditions: Iterable[Condition], left_rows: int, right_rows: int) -> Residual:
    """Prepare conditions that all have to hold.

    A value that is no number (nan) satisfies no condition. Nulls of other types are told by
    :class:`Present`.

    Raises
    ------
    ValueError
        For arrays of another length or type than said, an unknown operation, or two tests on boxes.

    >>> len(residual_of([Compare("<", np.array([1, 5]), np.array([3]))], 2, 1).conditions)
    1
    """
    rows = left_rows, right_rows
    checked = tuple(_checked(condition, rows) for condition in conditions)
    if sum(isinstance(each, Iou) for each in checked) > 1:
        raise ValueError("there can be one test on boxes only")
    return Residual(checked, rows)


def _checked(condition: Condition, rows: tuple[int, int]) -> Condition:
    if isinstance(condition, Present):
        marks = [
            None if mark is None else _column(mark, number, np.bool_)
            for mark, number in zip((condition.left, condition.right), rows, strict=True)
        ]
        return Present(*marks)
    if isinstance(condition, Iou):
        sides = [
            tuple(_column(edge, number, np.float32) for edge in box)
            for box, number in zip((condition.left, condition.right), rows, strict=True)
        ]
        return Iou(sides[0], sides[1], condition.at_least)  # type: ignore[arg-type]
    if isinstance(condition, Compare) and condition.operation not in OPERATIONS:
        raise ValueError(f"unknown operation {condition.operation!r}")
    left, right = condition.left, condition.right
    if left.dtype != right.dtype or left.dtype.kind not in "bif":
        raise ValueError(
            f"both sides must be of one type of numbers, got {left.dtype} and {right.dtype}"
        )
    known = left.dtype in (np.float32, np.float64, np.bool_)
    dtype = left.dtype if known else np.float64 if left.dtype.kind == "f" else np.int64
    return replace(
        condition, left=_column(left, rows[0], dtype), right=_column(right, rows[1], dtype)
    )


def _column(values: Values, rows: int, dtype: npt.DTypeLike) -> Values:
    if values.shape != (rows,):
        raise ValueError(f"expected {rows} values, got an array of shape {values.shape}")
    return np.ascontiguousarray(values, dtype)
