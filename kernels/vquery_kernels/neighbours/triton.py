"""Neighbours on the GPU: products in bfloat16 filter, a running list a row, float64 ranks.

Each program multiplies a block of queries with all of the base and keeps the ``LIST`` best of every
row; products never leave the chip. The lists are ranked by products in float64. A row whose list
may have lost one of its ``k`` best, as far as the bound on the products tells, is searched again
in float64.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
import triton
import triton.language as tl

from vquery_kernels import gpu
from vquery_kernels.neighbours import products

if TYPE_CHECKING:
    from vquery_kernels.neighbours.question import Found, Question, Side

ROWS, COLUMNS, DEPTH = 64, 128, 64
"""A tile: queries, base rows, and numbers of each that are multiplied at once."""

SHORTEST = 32
"""Running lists are at least so long, and at least twice ``k``."""

BYTES = 1 << 28
"""Memory for what is ranked or searched again at a time."""


class Rows(NamedTuple):
    """A side on the device."""

    points: torch.Tensor
    ids: torch.Tensor
    group: torch.Tensor
    video: torch.Tensor
    time: torch.Tensor
    alive: torch.Tensor


def all_top_k(question: Question) -> Found:
    """See :func:`vquery_kernels.neighbours.all_top_k`."""
    return top_k(question)


def top_k(question: Question) -> Found:
    """See :func:`vquery_kernels.neighbours.top_k`."""
    n, m = len(question.queries.ids), len(question.base.ids)
    ids = np.full((n, question.k), -1, np.int32)
    cosine = np.full((n, question.k), -np.inf, np.float32)
    k = min(question.k, m)
    if not (n and k):
        return ids, cosine
    slack = gpu.tensor(products.slack(question.queries.points, question.base.points, bfloat16=True))
    a, b = _rows(question.queries), _rows(question.base)
    value, column = _lists(a, b, k, question.seconds)
    near, order = _ranked(a, b, column, k)
    # what left a full list is at most its least product, and off by no more than the slack
    lost = (value.amin(1) > -torch.inf) & (value.amin(1) + slack >= near[:, -1])
    for rows in torch.split(torch.nonzero(lost).ravel(), max(1, BYTES // (8 * m))):
        near[rows], order[rows] = _exactly(a, b, rows, k, question.seconds)
    found = torch.where(near > -torch.inf, b.ids[order.clamp(min=0)], -1)
    ids[:, :k], cosine[:, :k] = gpu.array(found, np.int32), gpu.array(near)
    return ids, cosine


def _rows(side: Side) -> Rows:
    points, ids, group, video, time, alive = (gpu.tensor(each) for each in side)
    return Rows(points, ids, group, video, time, alive)


def _padded(points: torch.Tensor) -> torch.Tensor:
    """Round to bfloat16; as wide as a whole number of steps of the product."""
    beyond = -points.shape[1] % DEPTH
    return torch.nn.functional.pad(points.bfloat16(), (0, beyond)).contiguous()


def _lists(a: Rows, b: Rows, k: int, seconds: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Products and base rows, (n, LIST), of the best of each query, in no order."""
    n, m = a.ids.numel(), b.ids.numel()
    length = triton.next_power_of_2(max(2 * k, SHORTEST))
    value = torch.empty((n, length), dtype=torch.float32, device=gpu.DEVICE)
    column = torch.empty((n, length), dtype=torch.int32, device=gpu.DEVICE)
    left = _padded(a.points)
    right = left if b.points is a.points else _padded(b.points)
    _running[(triton.cdiv(n, ROWS),)](
        left,
        right,
        *a[1:],
        *b[1:],
        value,
        column,
        n,
        m,
        seconds,
        TIMED=seconds > 0,
        WIDTH=left.shape[1],
        LIST=length,
        ROWS=ROWS,
        COLUMNS=COLUMNS,
        DEPTH=DEPTH,
    )
    return value, column


@triton.jit
def _running(
    left,
    right,
    a_ids,
    a_group,
    a_video,
    a_time,
    a_alive,
    b_ids,
    b_group,
    b_video,
    b_time,
    b_alive,
    value,
    column,
    n,
    m,
    seconds,
    TIMED: tl.constexpr,
    WIDTH: tl.constexpr,
    LIST: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    DEPTH: tl.constexpr,
):
    """One block of queries against the whole base."""
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    there = row < n
    alive = tl.load(a_alive + row, mask=there, other=0) != 0
    mine = tl.load(a_ids + row, mask=there, other=-1)
    group = tl.load(a_group + row, mask=there, other=-1)
    depth = tl.arange(0, DEPTH)
    places = tl.arange(0, LIST)
    best = tl.full((ROWS, LIST), float("-inf"), tl.float32)
    who = tl.full((ROWS, LIST), -1, tl.int32)
    least = tl.min(best, 1)
    for start in range(0, m, COLUMNS):
        other = start + tl.arange(0, COLUMNS).to(tl.int64)
        real = other < m
        near = tl.zeros((ROWS, COLUMNS), tl.float32)
        for at in range(0, WIDTH, DEPTH):
            x = tl.load(
                left + row[:, None] * WIDTH + at + depth[None, :], mask=there[:, None], other=0.0
            )
            y = tl.load(
                right + other[None, :] * WIDTH + at + depth[:, None], mask=real[None, :], other=0.0
            )
            near = tl.dot(x, y, near)
        open_to = alive[:, None] & real[None, :]
        if tl.max(tl.where(open_to & (near > least[:, None]), 1, 0)) > 0:
            theirs = tl.load(b_ids + other, mask=real, other=-1)
            grouped = tl.load(b_group + other, mask=real, other=-1)
            open_to &= (tl.load(b_alive + other, mask=real, other=0) != 0)[None, :]
            open_to &= mine[:, None] != theirs[None, :]
            open_to &= (group[:, None] < 0) | (group[:, None] != grouped[None, :])
            if TIMED:
                video = tl.load(a_video + row, mask=there, other=0)
                shown = tl.load(b_video + other, mask=real, other=0)
                time = tl.load(a_time + row, mask=there, other=0)
                when = tl.load(b_time + other, mask=real, other=0)
                close = tl.abs(time[:, None] - when[None, :]) <= seconds
                open_to &= ~(close & (video[:, None] == shown[None, :]))
            near = tl.where(open_to, near, float("-inf"))
            while tl.max(tl.where(near > least[:, None], 1, 0)) > 0:
                top = tl.max(near, 1)
                place = tl.argmax(near, 1)
                taken = top > least
                hole = (places[None, :] == tl.argmin(best, 1)[:, None]) & taken[:, None]
                best = tl.where(hole, top[:, None], best)
                who = tl.where(hole, (start + place)[:, None], who)
                gone = (tl.arange(0, COLUMNS)[None, :] == place[:, None]) & taken[:, None]
                near = tl.where(gone, float("-inf"), near)
                least = tl.min(best, 1)
    at = row[:, None] * LIST + places[None, :]
    tl.store(value + at, best, mask=there[:, None])
    tl.store(column + at, who, mask=there[:, None])


def _ranked(a: Rows, b: Rows, column: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Rank the lists by products in float64: the ``k`` best products and base rows, (n, k)."""
    near, order = [], []
    step = max(1, BYTES // (8 * column.shape[1] * max(a.points.shape[1], 1)))
    for start in range(0, len(column), step):
        rows = slice(start, start + step)
        # ties go to the lower id, which a stable sort keeps in front
        listed = column[rows].long()
        by_id = torch.argsort(torch.where(listed >= 0, b.ids[listed.clamp(min=0)], 2**31))
        listed = listed.gather(1, by_id)
        exact = torch.einsum(
            "nd,nld->nl", a.points[rows].double(), b.points[listed.clamp(min=0)].double()
        ).float()
        exact[listed < 0] = -torch.inf
        best = torch.sort(exact, dim=1, descending=True, stable=True)
        near.append(best.values[:, :k])
        order.append(listed.gather(1, best.indices[:, :k]))
    return torch.cat(near), torch.cat(order)


def _exactly(
    a: Rows, b: Rows, rows: torch.Tensor, k: int, seconds: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Search these queries by products in float64 with all of the base."""
    near = (a.points[rows].double() @ b.points.double().T).float()
    group = a.group[rows, None]
    apart = (a.ids[rows, None] == b.ids) | ~b.alive | ((group == b.group) & (group >= 0))
    if seconds > 0:
        close = (a.time[rows, None] - b.time).abs() <= seconds
        apart |= close & (a.video[rows, None] == b.video)
    near[apart] = -torch.inf
    by_id = torch.argsort(b.ids)
    best = torch.sort(near[:, by_id], dim=1, descending=True, stable=True)
    return best.values[:, :k], by_id[best.indices[:, :k]]
