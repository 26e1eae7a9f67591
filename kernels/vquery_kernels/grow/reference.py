"""Runs that grow row by row in plain Python. Oracle, and fallback without numba."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from vquery_kernels.grow import operations as op

if TYPE_CHECKING:
    from collections.abc import Callable

    from vquery_kernels.arrays import Int64s

    Array = npt.NDArray[Any]


def grow(
    group: Int64s,
    start: Array,
    end: Array,
    gap: Array,
    longest: Array,
    times: Int64s,
    boxes: Array,
    code: Int64s,
    whole: Int64s,
    real: Array,
    wholes: Int64s,
    reals: Array,
    missing: Array,
    shared: bool,  # noqa: FBT001
) -> Int64s:
    """See :func:`vquery_kernels.grow.grow`."""
    del shared  # the program says so too
    runs: list[list[int]] = []
    opened: list[int] = []
    run_of = np.empty(group.size, np.int64)

    def holds(members: list[int], row: int) -> bool:
        hull = [int(times[0, members].min()), int(times[1, members].max())]
        with_box = [each for each in members if not np.isnan(boxes[0, each])]
        edges = [
            None if not with_box else float(way(boxes[k, with_box]))
            for k, way in enumerate((np.min, np.min, np.max, np.max))
        ]
        registers: list[Any] = []
        for what, a, b, c in code.tolist():
            if what <= op.LEAF_FLOAT:
                source = row if b == 1 else members[0]
                column = wholes if what == op.LEAF_WHOLE else reals
                registers.append(None if missing[a, source] else column[a, source].item())
            elif what == op.HULL_TIME:
                registers.append(hull[a])
            elif what == op.HULL_BOX:
                registers.append(edges[a])
            elif what <= op.NULL:
                constants = {op.WHOLE: whole, op.FLOAT: real}
                registers.append(None if what == op.NULL else constants[what][a].item())
            else:
                registers.append(value(what, *(registers[each] for each in (a, b, c))))
        return not registers or bool(registers[-1])

    for row in range(group.size):
        if row and group[row] != group[row - 1]:
            opened = []
        opened = [k for k in opened if start[row] - end[runs[k]].max() <= gap[row]]
        for k in reversed(opened):
            length = max(end[runs[k]].max(), end[row]) - start[runs[k][0]]
            if length <= longest[row] and holds(runs[k], row):
                runs[k].append(row)
                run_of[row] = k
                break
        else:
            run_of[row] = len(runs)
            opened.append(len(runs))
            runs.append([row])
    return run_of


def value(what: int, a: Any, b: Any, c: Any) -> Any:
    """Value of an instruction; None is null."""
    if what == op.CHOOSE:
        return b if a else c
    if what == op.IS_NULL:
        return int(a is None)
    if what in (op.AND, op.OR):
        decisive = int(what == op.OR)
        if decisive in (a, b):
            return decisive
        return None if a is None or b is None else 1 - decisive
    if what == op.FILL or (what >= op.GREATEST and (a is None or b is None)):
        return b if a is None else a
    return None if a is None or b is None else VALUES[what](a, b)


VALUES: dict[int, Callable[[Any, Any], Any]] = {
    op.TO_FLOAT: lambda a, _: float(a),
    op.ROUND: lambda a, _: float(np.float32(a)),
    **dict.fromkeys((op.ADD, op.ADD_F), lambda a, b: a + b),
    **dict.fromkeys((op.SUBTRACT, op.SUBTRACT_F), lambda a, b: a - b),
    **dict.fromkeys((op.MULTIPLY, op.MULTIPLY_F), lambda a, b: a * b),
    **dict.fromkeys((op.NEGATE, op.NEGATE_F), lambda a, _: -a),
    **dict.fromkeys((op.SIZE, op.SIZE_F), lambda a, _: abs(a)),
    op.FLOOR_DIVIDE: lambda a, b: None if b == 0 else a // b,
    op.MODULO: lambda a, b: None if b == 0 else a % b,
    op.DIVIDE_F: lambda a, b: None if b == 0 else a / b,
    **dict.fromkeys((op.EQUAL, op.EQUAL_F), lambda a, b: int(a == b)),
    **dict.fromkeys((op.DIFFERENT, op.DIFFERENT_F), lambda a, b: int(a != b)),
    **dict.fromkeys((op.LESS, op.LESS_F), lambda a, b: int(a < b)),
    **dict.fromkeys((op.AT_MOST, op.AT_MOST_F), lambda a, b: int(a <= b)),
    op.NOT: lambda a, _: 1 - a,
    **dict.fromkeys((op.GREATEST, op.GREATEST_F), lambda a, b: max(a, b)),
    **dict.fromkeys((op.LEAST, op.LEAST_F), lambda a, b: min(a, b)),
}
