"""What the Triton kernels share: the device, keys, searches in sorted keys, and ranges to pairs.

Without a GPU everything runs in Triton's interpreter on the processor: slow, but the same code.
Sorts, sums and unique values are PyTorch's; what is fused is written here. ``import torch`` and
``import triton`` stand in this module and the ``triton.py`` modules alone.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")  # read when the kernels below are made

import triton
import triton.language as tl

if not torch.cuda.is_available() and not triton.knobs.runtime.interpret:
    raise ImportError("without a GPU, triton must not be imported before vquery_kernels.gpu")

if TYPE_CHECKING:
    import numpy.typing as npt

    from vquery_kernels.arrays import Int64s, Pairs
    from vquery_kernels.residual import Residual

BLOCK = 1024
"""Elements that one program works on."""

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def tensor(array: npt.NDArray[Any]) -> torch.Tensor:
    """Copy an array to the device."""
    return torch.from_numpy(np.array(array)).to(DEVICE)


def array(given: torch.Tensor, dtype: npt.DTypeLike | None = None) -> npt.NDArray[Any]:
    """Copy a tensor back."""
    values = given.cpu().numpy()
    return values if dtype is None else values.astype(dtype, copy=False)


def tiles(count: int) -> tuple[int]:
    """Grid of programs for so many elements."""
    return (triton.cdiv(count, BLOCK),)


def order_keys(*columns: tuple[torch.Tensor, torch.Tensor]) -> list[torch.Tensor]:
    """Replace every ``(group, value)`` by one int64 that sorts the same way across all columns."""
    sizes = [group.numel() for group, _ in columns]
    groups = torch.cat([group.long() for group, _ in columns])
    values = torch.cat([value for _, value in columns])
    if not groups.numel():
        return list(torch.split(values, sizes))
    low, first = int(values.min()), int(groups.min())
    width, height = int(values.max()) - low + 1, int(groups.max()) - first + 1
    if width * height >= 2**63:
        groups = torch.unique(groups, return_inverse=True)[1]
        values = torch.unique(values, return_inverse=True)[1]
        low, first, width = 0, 0, int(values.max()) + 1
    return list(torch.split((groups - first) * width + (values - low), sizes))


def search(keys: torch.Tensor, values: torch.Tensor, *, upper: bool) -> torch.Tensor:
    """Find for each value the first sorted key that is not below it (``upper``: that is above)."""
    found = torch.empty_like(values)
    if values.numel():
        steps = int(keys.numel()).bit_length()
        _search[tiles(values.numel())](
            keys, values, found, keys.numel(), values.numel(), upper, steps, BLOCK
        )
    return found


@triton.jit
def _search(
    keys, values, found, number, count, UPPER: tl.constexpr, STEPS: tl.constexpr, SIZE: tl.constexpr
):
    row = tl.program_id(0) * SIZE + tl.arange(0, SIZE)
    there = row < count
    value = tl.load(values + row, mask=there, other=0)
    tl.store(found + row, bisect(keys, value, number, there, UPPER, STEPS), mask=there)


@triton.jit
def bisect(keys, value, number, there, UPPER: tl.constexpr, STEPS: tl.constexpr):
    """Binary search of all values of a tile in step; ``STEPS`` halvings are enough for any."""
    low = tl.zeros_like(value)
    high = low + number
    for _ in range(STEPS):
        middle = (low + high) // 2
        going = there & (low < high)
        key = tl.load(keys + middle, mask=going, other=0)
        right = key <= value if UPPER else key < value
        low = tl.where(going & right, middle + 1, low)
        high = tl.where(going & ~right, middle, high)
    return low


@dataclass(frozen=True, slots=True)
class Ranges:
    """Sorted row ``i`` meets ``count[i]`` sorted rows of the other side from ``first[i]`` on."""

    first: torch.Tensor
    count: torch.Tensor
    of_right: bool  # whether the rows are those of the right side


class Tested(NamedTuple):
    """A residual on the device; without one each tensor is a single zero."""

    columns: tuple[torch.Tensor, ...]  # bounds, keys, apart_left, apart_right and both boxes
    at_least: float
    compares: int
    aparts: int
    boxes: bool


def tested(residual: Residual | None) -> Tested:
    """Copy a residual to the device."""
    if residual is None:
        nothing = torch.zeros(1, dtype=torch.int64, device=DEVICE)
        return Tested((nothing,) * 6, 0.0, 0, 0, boxes=False)
    made = residual.matrices
    numbers = made.bounds.shape[1], made.apart_left.shape[1]
    columns = (each if each.size else np.zeros(1, each.dtype) for each in made[:6])
    boxed = made.left_boxes.shape[0] > 0
    return Tested(tuple(map(tensor, columns)), float(made.at_least), *numbers, boxes=boxed)


def pairs(
    ranges: list[Ranges],
    left_order: torch.Tensor,
    right_order: torch.Tensor,
    residual: Residual | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Write all pairs of the ranges that pass the residual: given row numbers, in sorted order."""
    test, wide = tested(residual), right_order.numel()
    made = [_expanded(each, left_order, right_order, test, wide) for each in ranges]
    keys = made[0] if len(made) == 1 else torch.sort(torch.cat(made)).values
    return left_order[keys // max(wide, 1)], right_order[keys % max(wide, 1)]


def by_left_row(given: tuple[torch.Tensor, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """Sort pairs by the left row; the partners of one left row stay in order."""
    left, right = given
    if bool((left[1:] >= left[:-1]).all()):
        return given
    order = torch.sort(left, stable=True).indices
    return left[order], right[order]


def _expanded(
    ranges: Ranges, left_order: torch.Tensor, right_order: torch.Tensor, test: Tested, wide: int
) -> torch.Tensor:
    """Count what each tile keeps, sum up, write: ``left place * wide + right place``."""
    before = torch.nn.functional.pad(torch.cumsum(ranges.count, 0), (1, 0))
    total = int(before[-1])
    if not total:
        return torch.empty(0, dtype=torch.int64, device=DEVICE)
    grid = tiles(total)
    steps = int(before.numel()).bit_length()
    given = (before, ranges.first, left_order, right_order, *test.columns, test.at_least)
    sizes = (total, before.numel(), wide)
    how = (ranges.of_right, *test[2:])
    kept = torch.empty(grid[0], dtype=torch.int64, device=DEVICE)
    options = {"STEPS": steps, "SIZE": BLOCK, "enable_fp_fusion": False}
    _expand[grid](*given, kept, kept, *sizes, *how, False, **options)
    ends = torch.cumsum(kept, 0)
    keys = torch.empty(int(ends[-1]), dtype=torch.int64, device=DEVICE)
    if keys.numel():
        _expand[grid](*given, ends - kept, keys, *sizes, *how, True, **options)
    return keys


@triton.jit
def _expand(
    before,
    first,
    left_order,
    right_order,
    bounds,
    keys,
    apart_left,
    apart_right,
    left_boxes,
    right_boxes,
    at_least,
    at,
    out,
    total,
    rows,
    wide,
    OF_RIGHT: tl.constexpr,
    COMPARES: tl.constexpr,
    APARTS: tl.constexpr,
    BOXES: tl.constexpr,
    WRITE: tl.constexpr,
    STEPS: tl.constexpr,
    SIZE: tl.constexpr,
):
    """One tile of candidates, whatever rows they belong to: long and short rows cost the same."""
    place = tl.program_id(0).to(tl.int64) * SIZE + tl.arange(0, SIZE)
    there = place < total
    row = bisect(before, place, rows, there, True, STEPS) - 1
    row = tl.where(there, row, 0)
    other = tl.load(first + row, mask=there, other=0)
    other += place - tl.load(before + row, mask=there, other=0)
    left_place = other if OF_RIGHT else row
    right_place = row if OF_RIGHT else other
    kept = there
    if COMPARES + APARTS + BOXES > 0:
        left = tl.load(left_order + left_place, mask=there, other=0)
        right = tl.load(right_order + right_place, mask=there, other=0)
        for each in tl.static_range(COMPARES):
            bound = tl.load(bounds + left * COMPARES + each, mask=there, other=0)
            kept &= bound <= tl.load(keys + right * COMPARES + each, mask=there, other=0)
        for each in tl.static_range(APARTS):
            value = tl.load(apart_left + left * APARTS + each, mask=there, other=0)
            kept &= value != tl.load(apart_right + right * APARTS + each, mask=there, other=0)
        if BOXES:
            kept &= iou(left_boxes + left * 4, right_boxes + right * 4, there) >= at_least
    number = kept.to(tl.int64)
    if WRITE:
        to = tl.load(at + tl.program_id(0)) + tl.cumsum(number, 0) - 1
        tl.store(out + to, left_place * wide + right_place, mask=kept)
    else:
        tl.store(out + tl.program_id(0), tl.sum(number, 0))


@triton.jit
def iou(a, b, there):
    """Intersection over union of boxes (x1, y1, x2, y2) in float32; nan where an edge is missing.

    Rounded as on the processor: exact division, and no multiplication fused with an addition.
    """
    ax1 = tl.load(a, mask=there, other=0.0)
    ay1 = tl.load(a + 1, mask=there, other=0.0)
    ax2 = tl.load(a + 2, mask=there, other=0.0)
    ay2 = tl.load(a + 3, mask=there, other=0.0)
    bx1 = tl.load(b, mask=there, other=0.0)
    by1 = tl.load(b + 1, mask=there, other=0.0)
    bx2 = tl.load(b + 2, mask=there, other=0.0)
    by2 = tl.load(b + 3, mask=there, other=0.0)
    width = tl.maximum(tl.minimum(ax2, bx2) - tl.maximum(ax1, bx1), 0.0)
    height = tl.maximum(tl.minimum(ay2, by2) - tl.maximum(ay1, by1), 0.0)
    shared = width * height
    total = (ax2 - ax1) * (ay2 - ay1) + (bx2 - bx1) * (by2 - by1) - shared
    divided = tl.math.div_rn(shared, tl.where(total == 0.0, 1.0, total))
    return tl.where(total <= 0.0, 0.0, divided)


def row_numbers(given: tuple[torch.Tensor, torch.Tensor], *sizes: int) -> Pairs:
    """Copy the row numbers of pairs back."""
    dtype = np.int32 if max(sizes) < 2**31 else np.int64
    return array(given[0], dtype), array(given[1], dtype)


def sorted_order(group: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
    """Stable order by ``(group, key)``."""
    (keys,) = order_keys((group, key))
    return torch.sort(keys, stable=True).indices


def last_tick(start: torch.Tensor, end: torch.Tensor, *, touching: bool) -> torch.Tensor:
    """Last tick that belongs to each span: see :func:`vquery_kernels.arrays.last_tick`."""
    return end if touching else torch.where(end > start, end - (end > start).long(), start)


def numbers(given: torch.Tensor) -> Int64s:
    """Copy whole numbers back."""
    return array(given, np.int64)
