"""Runs that grow row by row: rules, and the compiled kernel against plain Python."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vquery_kernels.grow import Bounds, Program, grow
from vquery_kernels.grow import operations as op


def runs(start, end, *, gap=0, longest=2**62, group=None):
    start, end = np.array(start, np.int64), np.array(end, np.int64)
    size = start.size
    group = np.zeros(size, np.int64) if group is None else np.array(group, np.int64)
    edges = np.full((4, size), np.nan, np.float32)
    limits = [np.full(size, each, np.int64) for each in (gap, longest)]
    bounds = Bounds(np.stack([start, end]), edges)
    return grow(group, start, end, *limits, bounds, Program.always(size)).tolist()


def test_rows_join_the_run_that_reaches_them():
    assert runs([0, 2, 6], [2, 3, 9]) == [0, 0, 1]
    assert runs([0, 2, 6], [2, 3, 9], gap=3) == [0, 0, 0]
    assert runs([0, 2, 6], [2, 3, 9], gap=3, longest=8) == [0, 0, 1]
    assert runs([0, 0, 0], [1, 1, 1], group=[1, 1, 0]) == [0, 0, 1]
    assert runs([], []) == []


def test_the_last_opened_run_comes_first():
    # each row longer than allowed opens its own run; the short one joins the last that has room
    assert runs([0, 1, 2], [9, 9, 3], longest=8) == [0, 1, 1]


def test_boxes_that_share_no_area_are_told_apart_before_the_program():
    pytest.importorskip("numba")
    compiled = importlib.import_module("vquery_kernels.grow.cpu")
    group, start, end = np.zeros(3, np.int64), np.zeros(3, np.int64), np.ones(3, np.int64)
    boxes = np.float32([(0, 0, 1, 1), (1, 0, 2, 1), (0.5, 0.5, 1, 1)]).T.copy()
    given = [group, start, end, group, end, np.stack([start, end]), boxes]
    program = [np.ascontiguousarray(each) for each in Program.always(3)[:-1]]
    assert compiled.grow(*given, *program, True).tolist() == [0, 1, 0]
    assert compiled.grow(*given, *program, False).tolist() == [0, 0, 0]


@pytest.mark.parametrize(("start", "group"), [([1, 0], [0, 0]), ([0, 0, 0], [0, 1, 0])])
def test_rows_in_another_order_are_refused(start, group):
    with pytest.raises(ValueError, match="rows of a group have to be together"):
        runs(start, [9] * len(start), group=group)


TRUTH = [op.NOT, op.IS_NULL]
ONE = [*TRUTH, op.TO_FLOAT, op.ROUND, op.NEGATE, op.SIZE, op.NEGATE_F, op.SIZE_F]
TWO_WHOLE = [op.ADD, op.SUBTRACT, op.MULTIPLY, op.FLOOR_DIVIDE, op.MODULO, op.EQUAL, op.LESS]
TWO_WHOLE += [op.DIFFERENT, op.AT_MOST, op.GREATEST, op.LEAST, op.FILL, op.NEGATE, op.SIZE]
TWO_FLOAT = [op.ADD_F, op.SUBTRACT_F, op.MULTIPLY_F, op.DIVIDE_F, op.GREATEST_F, op.LEAST_F]
TWO_FLOAT += [op.FILL, op.NEGATE_F, op.SIZE_F, op.ROUND]
TESTS = [op.EQUAL_F, op.DIFFERENT_F, op.LESS_F, op.AT_MOST_F]


@st.composite
def programs(draw: st.DrawFn, rows: int) -> Program:
    """Programs over two columns of integers and two of floats, some values missing."""
    code: list[tuple[int, int, int, int]] = []
    kinds: dict[str, list[int]] = {"whole": [], "float": [], "truth": []}

    def add(kind: str, *instruction: int) -> None:
        kinds[kind].append(len(code))
        what, a, *rest = (*instruction, 0, 0)
        code.append((what, a, a, 0) if what in ONE else (what, a, *rest[:2]))

    for side in (0, 1):
        add("whole", op.LEAF_WHOLE, side, side)
        add("float", op.LEAF_FLOAT, 2 + side, side)
        add("whole", op.HULL_TIME, side)
        add("float", op.HULL_BOX, draw(st.integers(0, 3)))
    add("whole", op.WHOLE, 0)
    add("float", op.FLOAT, 0)
    for _ in range(draw(st.integers(1, 8))):
        a, b = (draw(st.sampled_from(kinds["whole"])) for _ in range(2))
        what = draw(st.sampled_from(TWO_WHOLE))
        add("truth" if op.EQUAL <= what <= op.AT_MOST else "whole", what, a, b)
        a, b = (draw(st.sampled_from(kinds["float"])) for _ in range(2))
        add("float", draw(st.sampled_from(TWO_FLOAT)), a, b)
        add("truth", draw(st.sampled_from(TESTS)), a, b)
        add("float", op.TO_FLOAT, kinds["whole"][-1])
        add("truth", draw(st.sampled_from(TRUTH)), draw(st.sampled_from(kinds["truth"])))
        a, b = (draw(st.sampled_from(kinds["truth"])) for _ in range(2))
        add("truth", draw(st.sampled_from([op.AND, op.OR])), a, b)
        add("whole", op.CHOOSE, a, *(draw(st.sampled_from(kinds["whole"])) for _ in range(2)))
    add("truth", op.OR, kinds["truth"][-1], draw(st.sampled_from(kinds["truth"])))
    few = st.integers(-2, 2)
    table: Any = draw(st.lists(st.lists(few, min_size=4, max_size=4), min_size=rows, max_size=rows))
    values = np.array(table, np.int64).reshape(rows, 4).T
    missing = draw(st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=rows,
                            max_size=rows))  # fmt: skip
    return Program(
        np.array(code, np.int64),
        np.array([draw(few)]),
        np.array([draw(few) / 2]),
        values,
        values / 2,
        np.array(missing, np.bool_).reshape(rows, 4).T,
    )


@st.composite
def problems(draw: st.DrawFn) -> list[Any]:
    size = draw(st.integers(0, 9))
    numbers = st.lists(st.integers(0, 6), min_size=size, max_size=size)
    group = np.sort(np.array(draw(numbers), np.int64) // 4)
    start = np.array(draw(numbers), np.int64)
    start = start[np.lexsort((start, group))]
    end = start + np.array(draw(numbers), np.int64)
    gap, longest = (np.full(size, draw(st.integers(0, 9)), np.int64) for _ in range(2))
    corner = np.float32(np.array([draw(numbers), draw(numbers)]).reshape(2, size))
    boxes = np.concatenate([corner, corner + np.float32(1.5)])
    boxes[:, corner[0] == 3] = np.nan
    program = draw(programs(size))
    if draw(st.booleans()):  # the same on an axis of boxes
        start, end, gap, longest = (each.astype(np.float32) for each in (start, end, gap, longest))
    times = np.stack([start, end]).astype(np.int64)
    return [group, start, end, gap, longest, times, boxes, *program]


@given(problems())
def test_the_compiled_kernel_gives_what_plain_python_gives(problem):
    pytest.importorskip("numba")
    compiled = importlib.import_module("vquery_kernels.grow.cpu")
    plain = importlib.import_module("vquery_kernels.grow.reference")
    given = [np.ascontiguousarray(each) for each in problem[:-1]]
    assert compiled.grow(*given, False).tolist() == plain.grow(*given, False).tolist()
