"""Residuals compiled: whether all conditions hold for a pair. For use inside compiled joins.

Compiled code exists once for all numbers and types of conditions: it gets the addresses of the
arrays and reads them by the kind that is noted beside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vquery_kernels.cpu import HIGHEST, compiled, load_byte, load_double, load_float, load_whole
from vquery_kernels.residual import OPERATIONS, Compare, Distance, Iou, Present

if TYPE_CHECKING:
    import numpy.typing as npt

    from vquery_kernels.residual import Condition, Residual

MARKS, BYTES, WHOLES, FLOATS, DOUBLES = range(5)
KINDS = {"|b1": BYTES, "<i8": WHOLES, "<f4": FLOATS, "<f8": DOUBLES}
NEAR, STRICT, LOW, HIGH = 8, 1, 2, 4
"""An operation from ``NEAR`` on is a distance, with bits for what it has."""


def as_test(residual: Residual | None) -> int:
    """Hand a residual to compiled code: the address of its program, which it keeps; 0 for none."""
    if residual is None:
        return 0
    if not residual.programs:
        residual.programs.append(_program(residual))
    return _address(residual.programs[0])


def _program(residual: Residual) -> npt.NDArray[np.int64]:
    """Write down addresses, kinds, operations and limits, eight words a condition.

    The first line has the number of conditions, whether there are boxes, and their least number;
    the second the addresses of their edges.
    """
    some = [each for each in residual.conditions if not isinstance(each, Iou)]
    program = np.zeros((2 + len(some), 8), np.int64)
    program[0, 0] = len(some)
    doubles = program.view(np.float64)
    for each in residual.conditions:
        if isinstance(each, Iou):
            program[0, 1], doubles[0, 2] = 1, np.float32(each.at_least)
            program[1] = [_address(edge) for edge in (*each.left, *each.right)]
    for line, each in enumerate(some, 2):
        program[line, :4] = _address(each.left), _address(each.right), *_code(each)
        if isinstance(each, Distance):
            limits = [0 if limit is None else limit for limit in (each.low, each.high)]
            if each.left.dtype.kind == "i":
                program[line, 4:6] = limits
            else:
                with np.errstate(over="ignore"):
                    doubles[line, 4:6] = np.asarray(limits, np.float64).astype(each.left.dtype)
    return program


def _address(values: Any) -> int:
    return 0 if values is None else int(values.ctypes.data)


def _code(condition: Condition) -> tuple[int, int]:
    """Kind of the arrays, operation."""
    if isinstance(condition, Present):
        return MARKS, 0
    assert isinstance(condition, (Compare, Distance))
    kind = KINDS[condition.left.dtype.str]
    if isinstance(condition, Compare):
        return kind, OPERATIONS.index(condition.operation)
    low = LOW if condition.low is not None else 0
    high = HIGH if condition.high is not None else 0
    return kind, NEAR + low + high + (STRICT if condition.strict else 0)


@compiled
def holds(test: int, left: int, right: int) -> bool:
    """Tell whether all conditions hold for a pair of given rows."""
    for number in range(load_whole(test, 0)):
        line = test + 8 * 8 * (2 + number)
        first, second = load_whole(line, 0), load_whole(line, 1)
        kind, operation = load_whole(line, 2), load_whole(line, 3)
        if kind == FLOATS:
            a, b = load_float(first, left), load_float(second, right)
            if operation < NEAR:
                if not _compares(operation, np.float64(a), np.float64(b)):
                    return False
            elif not _near(operation, a, b, np.float64(b - a), line):
                return False
        elif kind == WHOLES:
            c, d = load_whole(first, left), load_whole(second, right)
            if operation < NEAR:
                if not _compares_whole(operation, c, d):
                    return False
            elif not _near_whole(operation, c, d, line):
                return False
        elif kind == DOUBLES:
            e, f = load_double(first, left), load_double(second, right)
            if operation < NEAR:
                if not _compares(operation, e, f):
                    return False
            elif not _near(operation, e, f, f - e, line):
                return False
        elif kind == BYTES:
            if not _compares_whole(operation, load_byte(first, left), load_byte(second, right)):
                return False
        elif _unmarked(first, left) or _unmarked(second, right):
            return False
    if load_whole(test, 1):
        return bool(np.float64(_iou_of(test + 8 * 8, left, right)) >= load_double(test, 2))
    return True


@compiled
def _unmarked(address: int, row: int) -> bool:
    return address != 0 and load_byte(address, row) == 0


@compiled
def _compares(operation: int, a: float, b: float) -> bool:
    if operation == 0:
        return a < b
    if operation == 1:
        return a <= b
    if operation == 2:
        return a > b
    if operation == 3:
        return a >= b
    if operation == 4:
        return a == b
    return a < b or a > b  # not where one is nan


@compiled
def _compares_whole(operation: int, a: int, b: int) -> bool:
    if operation == 0:
        return a < b
    if operation == 1:
        return a <= b
    if operation == 2:
        return a > b
    if operation == 3:
        return a >= b
    return (a == b) == (operation == 4)


@compiled
def _near(operation: int, a: float, b: float, apart: float, line: int) -> bool:
    low, high = load_double(line, 4), load_double(line, 5)
    if np.isnan(a) or np.isnan(b):
        return False
    if operation & STRICT:
        return (not operation & LOW or low < apart) and (not operation & HIGH or apart < high)
    return (not operation & LOW or low <= apart) and (not operation & HIGH or apart <= high)


@compiled
def _near_whole(operation: int, left: int, right: int, line: int) -> bool:
    low, high = load_whole(line, 4), load_whole(line, 5)
    # unsigned where it might not fit: compiled code takes it that int64 never overflows
    if right >= left and np.uint64(right) - np.uint64(left) > np.uint64(HIGHEST):
        return not operation & HIGH
    if right < left and np.uint64(left) - np.uint64(right) > np.uint64(HIGHEST + 1):
        return not operation & LOW
    apart = right - left
    if operation & STRICT:
        return (not operation & LOW or low < apart) and (not operation & HIGH or apart < high)
    return (not operation & LOW or low <= apart) and (not operation & HIGH or apart <= high)


@compiled
def _iou_of(line: int, left: int, right: int) -> Any:
    """Intersection over union of boxes whose eight edges lie in arrays of their own."""
    ax1, ay1 = load_float(load_whole(line, 0), left), load_float(load_whole(line, 1), left)
    ax2, ay2 = load_float(load_whole(line, 2), left), load_float(load_whole(line, 3), left)
    bx1, by1 = load_float(load_whole(line, 4), right), load_float(load_whole(line, 5), right)
    bx2, by2 = load_float(load_whole(line, 6), right), load_float(load_whole(line, 7), right)
    return iou(ax1, ay1, ax2, ay2, bx1, by1, bx2, by2)


@compiled
def iou(ax1: Any, ay1: Any, ax2: Any, ay2: Any, bx1: Any, by1: Any, bx2: Any, by2: Any) -> Any:
    """Intersection over union of two boxes in float32; nan where an edge is missing."""
    nothing = np.float32(0)
    width = min(ax2, bx2) - max(ax1, bx1)
    height = min(ay2, by2) - max(ay1, by1)
    shared = width * height if width > nothing and height > nothing else nothing
    total = (ax2 - ax1) * (ay2 - ay1) + (bx2 - bx1) * (by2 - by1) - shared
    if np.isnan(total):
        return total
    return nothing if total <= nothing else shared / total
