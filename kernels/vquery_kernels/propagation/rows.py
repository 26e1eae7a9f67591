"""Compiled passes over rows of scores, each row one vector, for every width of a block.

Rows are written as vector instructions through LLVM: left to itself, the compiler does not keep
the sum over neighbours in a register, because it cannot know that the arrays do not overlap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]

from vquery_kernels.cpu import compiled, written

if TYPE_CHECKING:
    import numpy.typing as npt

    Rows = npt.NDArray[Any]

SINGLE, DOUBLE, INDEX, PLACE = ir.FloatType(), ir.DoubleType(), ir.IntType(32), ir.IntType(64)
FAST = ("fast",)
AT_ONCE = 4
"""Neighbours that are summed side by side."""
WIDE = 8
"""Columns from which on an empty place costs more than a wrong guess of the length."""


class Row:
    """Writes vector instructions on rows of ``width`` numbers, given by address.

    ``lists`` says which numbers lists of neighbours are made of.
    """

    def __init__(self, builder: Any, width: int, lists: tuple[Any, Any] = (INDEX, SINGLE)) -> None:
        self.builder, self.width, self.lists = builder, width, lists
        self.single, self.double = (ir.VectorType(each, width) for each in (SINGLE, DOUBLE))

    def load(self, address: Any, kind: Any, align: int = 4) -> Any:
        """Read what lies at an address."""
        pointer = self.builder.inttoptr(address, kind.as_pointer())
        return self.builder.load(pointer, align=align)

    def store(self, value: Any, address: Any, align: int = 4) -> None:
        """Write to an address."""
        pointer = self.builder.inttoptr(address, value.type.as_pointer())
        self.builder.store(value, pointer, align=align)

    def spread(self, value: Any, kind: Any) -> Any:
        """One number in all lanes."""
        empty = ir.Constant(kind, ir.Undefined)
        first = self.builder.insert_element(empty, value, ir.Constant(INDEX, 0))
        lanes = ir.Constant(ir.VectorType(INDEX, self.width), [0] * self.width)
        return self.builder.shuffle_vector(first, empty, lanes)

    def times(self, a: Any, b: Any) -> Any:
        """Multiply; sums and products may be joined, and sums taken in any order."""
        return self.builder.fmul(a, b, flags=FAST)

    def plus(self, a: Any, b: Any) -> Any:
        """Add."""
        return self.builder.fadd(a, b, flags=FAST)

    def minus(self, a: Any, b: Any) -> Any:
        """Subtract."""
        return self.builder.fsub(a, b, flags=FAST)

    def widened(self, value: Any) -> Any:
        """Singles as doubles."""
        return self.builder.fpext(value, self.double)

    def add_to(self, address: Any, value: Any) -> None:
        """Add doubles to what is kept at an address."""
        self.store(self.plus(self.load(address, self.double, 8), value), address, 8)

    def neighbours(
        self, total: Any, index: Any, weight: Any, count: Any, table: Any, stride: Any = None
    ) -> Any:
        """``total + Σ weight[j] · table[index[j]]`` over ``count`` neighbours, in a register.

        Four at a time, so that not every sum waits for the one before, then one by one. Rows of the
        table are ``stride`` bytes apart, or dense.
        """
        four = self.builder.and_(count, ir.Constant(PLACE, -AT_ONCE))
        stride = ir.Constant(PLACE, 4 * self.width) if stride is None else stride
        lists = index, weight, table, stride
        total = self._loop(total, ir.Constant(PLACE, 0), four, AT_ONCE, lists)
        return self._loop(total, four, count, 1, lists)

    def _loop(self, total: Any, low: Any, high: Any, step: int, lists: Any) -> Any:
        builder = self.builder
        before = builder.block
        head, body, done = (builder.append_basic_block(name) for name in ("head", "body", "done"))
        builder.branch(head)
        builder.position_at_end(head)
        place, sum_ = builder.phi(PLACE), builder.phi(total.type)
        place.add_incoming(low, before)
        sum_.add_incoming(total, before)
        builder.cbranch(builder.icmp_signed("<", place, high), body, done)
        builder.position_at_end(body)
        terms = [self._neighbour(place, further, total.type, *lists) for further in range(step)]
        while len(terms) > 1:
            terms = [self.plus(a, b) for a, b in zip(terms[::2], terms[1::2], strict=True)]
        place.add_incoming(builder.add(place, ir.Constant(PLACE, step)), body)
        sum_.add_incoming(self.plus(sum_, terms[0]), body)
        builder.branch(head)
        builder.position_at_end(done)
        return sum_

    def _neighbour(
        self, place: Any, further: int, kind: Any, index: Any, weight: Any, table: Any, stride: Any
    ) -> Any:
        builder = self.builder
        at = builder.add(place, ir.Constant(PLACE, further))
        column, strength = (
            self.load(builder.add(list_, builder.mul(at, ir.Constant(PLACE, size(each)))), each)
            for list_, each in zip((index, weight), self.lists, strict=True)
        )
        if column.type != PLACE:
            column = builder.zext(column, PLACE)
        if strength.type != kind.element:
            strength = builder.fpext(strength, kind.element)
        scores = self.load(builder.add(table, builder.mul(column, stride)), kind)
        return self.times(self.spread(strength, kind), scores)


def size(kind: Any) -> int:
    """Bytes of a number."""
    return 8 if kind in (PLACE, DOUBLE) else 4


def _write_gather(
    row: Row,
    total: Any,
    lists: tuple[Any, ...],
    rest: tuple[Any, ...],
    table: Any,
) -> Any:
    """``total`` plus the weighted rows of all neighbours: those of the list, then of the rest."""
    for index, weight, count in (lists, rest):
        total = row.neighbours(total, index, weight, count, table)
    return total


@written
def _product(builder: Any, width: int, *given: Any) -> None:
    """``q = a p - W p`` of one row; adds ``p q`` to the sum at an address."""
    row = Row(builder, width)
    lists, rest, (table, own, result, diagonal, dots) = given[:3], given[3:6], given[6:]
    nothing = ir.Constant(row.single, [0.0] * row.width)
    total = _write_gather(row, nothing, lists, rest, table)
    step = row.load(own, row.single)
    moved = row.minus(row.times(row.spread(diagonal, row.single), step), total)
    row.store(moved, result)
    row.add_to(dots, row.times(row.widened(step), row.widened(moved)))


@written
def _spread(builder: Any, width: int, *given: Any) -> None:
    """``out = base + gain W x`` of one row; adds ``(out - x)²`` to the sum at an address."""
    row = Row(builder, width)
    lists, rest, (table, own, base, result, gain, dots) = given[:3], given[3:6], given[6:]
    nothing = ir.Constant(row.single, [0.0] * row.width)
    total = _write_gather(row, nothing, lists, rest, table)
    moved = row.times(row.spread(gain, row.single), total)
    made = row.plus(row.load(base, row.single), moved)
    row.store(made, result)
    change = row.widened(row.minus(made, row.load(own, row.single)))
    row.add_to(dots, row.times(change, change))


@written
def _update(builder: Any, width: int, *given: Any) -> None:
    """``x += a p``, ``r -= a q`` of one row; adds ``r r``, ``r r / d`` and ``r`` to three sums."""
    row = Row(builder, width)
    x, residual, step, moved, inverse, length, norm, energy, sums = given
    ahead = row.load(length, row.single)
    gone = row.plus(row.load(x, row.single), row.times(ahead, row.load(step, row.single)))
    row.store(gone, x)
    left = row.minus(row.load(residual, row.single), row.times(ahead, row.load(moved, row.single)))
    row.store(left, residual)
    wide = row.widened(left)
    square = row.times(wide, wide)
    row.add_to(norm, square)
    share = row.spread(row.builder.fpext(inverse, DOUBLE), row.double)
    row.add_to(energy, row.times(square, share))
    row.add_to(sums, wide)


@written
def _turn(builder: Any, width: int, *given: Any) -> None:
    """``p = r / a + lift + b p`` of one row."""
    row = Row(builder, width)
    residual, step, inverse, keep, lift = given
    scaled = row.times(row.load(residual, row.single), row.spread(inverse, row.single))
    kept = row.times(row.load(keep, row.single), row.load(step, row.single))
    row.store(row.plus(row.plus(scaled, row.load(lift, row.single)), kept), step)


@compiled
def _steps(lanes: tuple[int, ...], count: int, places: int) -> np.int64:
    """Places to work on: with few columns empty ones too, up to a whole number of steps.

    Fewer different lengths are better foretold by the processor; a fifth of the time, measured.
    """
    if len(lanes) >= WIDE:
        return np.int64(count)
    return min(np.int64((count + AT_ONCE - 1) // AT_ONCE * AT_ONCE), np.int64(places))


@compiled
def product_rows(
    lanes: tuple[int, ...],
    index: Rows,
    weight: Rows,
    count: Rows,
    start: Rows,
    more: Rows,
    more_weight: Rows,
    x: Rows,
    out: Rows,
    diagonal: Rows,
    inverse: Rows,
    low: int,
    high: int,
    dots: Rows,
) -> None:
    """Multiply the rows ``low .. high``; ``lanes`` has as many zeros as a row has columns."""
    wide = 4 * index.shape[1]
    for i in range(low, high):
        if inverse[i] > 0:
            at, row, rest = wide * i, 4 * len(lanes) * i, 4 * start[i]
            listed = _steps(lanes, count[i], index.shape[1])
            _product(lanes, (
                index.ctypes.data + at, weight.ctypes.data + at, listed,
                more.ctypes.data + rest, more_weight.ctypes.data + rest,
                start[i + 1] - start[i],
                x.ctypes.data, x.ctypes.data + row, out.ctypes.data + row, diagonal[i],
                dots.ctypes.data,
            ))  # fmt: skip


@compiled
def spread_rows(
    lanes: tuple[int, ...],
    index: Rows,
    weight: Rows,
    count: Rows,
    start: Rows,
    more: Rows,
    more_weight: Rows,
    x: Rows,
    base: Rows,
    out: Rows,
    gain: Rows,
    low: int,
    high: int,
    dots: Rows,
) -> None:
    """Take one propagation step of the rows ``low .. high``."""
    wide = 4 * index.shape[1]
    for i in range(low, high):
        at, row, rest = wide * i, 4 * len(lanes) * i, 4 * start[i]
        listed = _steps(lanes, count[i], index.shape[1])
        _spread(lanes, (
            index.ctypes.data + at, weight.ctypes.data + at, listed,
            more.ctypes.data + rest, more_weight.ctypes.data + rest, start[i + 1] - start[i],
            x.ctypes.data, x.ctypes.data + row, base.ctypes.data + row,
            out.ctypes.data + row, gain[i], dots.ctypes.data,
        ))  # fmt: skip


@compiled
def update_rows(
    lanes: tuple[int, ...],
    x: Rows,
    residual: Rows,
    step: Rows,
    moved: Rows,
    inverse: Rows,
    length: Rows,
    group: Rows,
    sums: Rows,
    low: int,
    high: int,
    dots: Rows,
) -> None:
    """Update the rows ``low .. high``.

    ``dots`` has three rows: norm, energy, and sums of rows without a cluster, which nobody reads.
    """
    wide = 8 * len(lanes)
    for i in range(low, high):
        if inverse[i] > 0:
            row = 4 * len(lanes) * i
            at = dots.ctypes.data + 2 * wide
            if group[i] < sums.shape[0]:
                at = sums.ctypes.data + wide * group[i]
            _update(lanes, (
                x.ctypes.data + row, residual.ctypes.data + row, step.ctypes.data + row,
                moved.ctypes.data + row, inverse[i], length.ctypes.data,
                dots.ctypes.data, dots.ctypes.data + wide, at,
            ))  # fmt: skip


@compiled
def turn_rows(
    lanes: tuple[int, ...],
    residual: Rows,
    step: Rows,
    inverse: Rows,
    keep: Rows,
    lift: Rows,
    group: Rows,
    low: int,
    high: int,
) -> None:
    """Choose the next step of the rows ``low .. high``."""
    for i in range(low, high):
        if inverse[i] > 0:
            row = 4 * len(lanes) * i
            _turn(lanes, (
                residual.ctypes.data + row, step.ctypes.data + row, inverse[i],
                keep.ctypes.data, lift.ctypes.data + 4 * len(lanes) * group[i],
            ))  # fmt: skip
