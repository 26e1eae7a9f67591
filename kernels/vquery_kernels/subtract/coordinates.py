"""Pieces of spans of coordinates, by the kernels on ticks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from vquery_kernels.arrays import same_groups
from vquery_kernels.coordinates import (
    exact_spans,
    from_order_key,
    strict_sides,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from vquery_kernels.arrays import Spans
    from vquery_kernels.subtract import Pieces

Side: TypeAlias = tuple[Any, Any, Any]


def pieces_of_coordinates(
    left: Side, right: Side, kernel: Callable[[Spans, Spans], Pieces], *, inside: bool
) -> Pieces:
    """Cut spans of coordinates; a left span without extent is inside what it lies strictly in."""
    from vquery_kernels.subtract import Pieces

    dtype = np.result_type(*map(np.asarray, left[1:]))
    wide = np.result_type(dtype, *map(np.asarray, right[1:]))
    spans = exact_spans("left_", *left, wide), exact_spans("right_", *right, wide)
    groups = same_groups(spans[0].group, spans[1].group)
    sides = spans[0]._replace(group=groups[0]), spans[1]._replace(group=groups[1])
    pieces = kernel(*sides)
    start = from_order_key(pieces.start, wide).astype(dtype, copy=False)
    end = from_order_key(pieces.end, wide).astype(dtype, copy=False)
    points = sides[0].start == sides[0].end
    if not points.any():
        return Pieces(pieces.left_row, start, end)
    from vquery_kernels.overlap_join import found_on_ticks

    strict = strict_sides(left, right)
    strict = strict[0]._replace(group=groups[0]), strict[1]._replace(group=groups[1])
    chosen = np.flatnonzero(points & (found_on_ticks(*strict) == inside))
    keep = ~points[pieces.left_row]
    rows = np.concatenate([pieces.left_row[keep], chosen.astype(pieces.left_row.dtype)])
    place = np.asarray(left[1])[chosen].astype(dtype, copy=False)
    order = np.argsort(rows, kind="stable")
    starts, ends = np.concatenate([start[keep], place]), np.concatenate([end[keep], place])
    return Pieces(rows[order], starts[order], ends[order])
