"""The instructions of a test between a run and a row.

A program is a list of instructions ``(operation, a, b, c)``; instruction ``k`` fills register ``k``
and reads earlier ones. A register holds an int64 and a float64, and whether it is null; truth is
the integer 1. The test holds where the last register is 1 and not null. What looks at one register
has it as ``a`` and as ``b``.
"""

from __future__ import annotations

LEAF_WHOLE, LEAF_FLOAT = 0, 1
"""Column ``a`` of the first row of the run (``b`` = 0) or of the new row (``b`` = 1)."""

HULL_TIME, HULL_BOX = 2, 3
"""Edge ``a`` of the run so far: start, end; x1, y1, x2, y2."""

WHOLE, FLOAT, NULL = 4, 5, 6
"""Constant number ``a``; nothing."""

TO_FLOAT, ROUND = 7, 8
"""Integer to float; float to the nearest float32."""

ADD, SUBTRACT, MULTIPLY, FLOOR_DIVIDE, MODULO, NEGATE, SIZE = 10, 11, 12, 13, 14, 15, 16
"""On integers; a division by 0 gives null."""

ADD_F, SUBTRACT_F, MULTIPLY_F, DIVIDE_F, NEGATE_F, SIZE_F = 20, 21, 22, 23, 25, 26
"""On floats; a division by 0 gives null."""

EQUAL, DIFFERENT, LESS, AT_MOST = 30, 31, 32, 33
EQUAL_F, DIFFERENT_F, LESS_F, AT_MOST_F = 40, 41, 42, 43

AND, OR, NOT = 50, 51, 52
"""With nulls as in SQL."""

GREATEST, LEAST, GREATEST_F, LEAST_F = 60, 61, 62, 63
"""Of two; a null is left out."""

FILL, CHOOSE, IS_NULL = 70, 71, 72
"""``a``, or ``b`` where it is null; ``b`` where ``a`` is true, else ``c``; is ``a`` null."""
