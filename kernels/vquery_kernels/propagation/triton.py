"""The propagation step on the GPU: one program a tile of nodes, one pass over the lists.

Scores may be bfloat16, which halves what is gathered; sums are float32 in any case. Lists are
copied to the device once for all steps of a call. What belongs to the solvers' iteration runs on
the processor (see the README).
"""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, NamedTuple

import torch
import triton
import triton.language as tl

from vquery_kernels import gpu

if importlib.util.find_spec("numba") is None:
    from vquery_kernels.propagation.reference import (
        clusters,
        coarse,
        corrected,
        inverse,
        layout,
        pack,
        product,
        remainder,
        times,
        turn,
        unpack,
        unsure,
        update,
    )
else:
    from vquery_kernels.propagation.cpu import (
        clusters,
        coarse,
        corrected,
        inverse,
        layout,
        pack,
        product,
        remainder,
        times,
        turn,
        unpack,
        unsure,
        update,
    )

if TYPE_CHECKING:
    from vquery_kernels.propagation import Doubles, Edges, Floats

__all__ = [
    "clusters",
    "coarse",
    "corrected",
    "inverse",
    "layout",
    "lists",
    "pack",
    "product",
    "propagate",
    "remainder",
    "spread",
    "step",
    "times",
    "turn",
    "unpack",
    "unsure",
    "update",
]

NODES = 64
"""Nodes that one program works on."""


class Lists(NamedTuple):
    """Neighbour lists on the device, place by place, so that a tile reads them in one piece."""

    target: torch.Tensor  # (width, n)
    weight: torch.Tensor  # (width, n), 0 where there is no neighbour
    rest_start: torch.Tensor
    rest_target: torch.Tensor
    rest_weight: torch.Tensor


def lists(edges: Edges) -> Lists:
    """Copy neighbour lists to the device."""
    columns = edges.target.T, edges.weight.T, *edges[3:]
    return Lists(*(gpu.tensor(each).contiguous() for each in columns))


def step(
    given: Lists, gain: torch.Tensor, base: torch.Tensor, x: torch.Tensor, out: torch.Tensor
) -> torch.Tensor:
    """Write ``out = base + gain · (W x)`` on the device; return ``Σ (out - x)²`` of each column.

    ``x`` and ``out``, of shape (n, w) with w a power of two, may be bfloat16 or float32. Rows are
    summed in the same order every time.
    """
    n, width = x.shape
    programs = triton.cdiv(n, NODES)
    change = torch.empty(programs, width, device=x.device)
    if n:
        numbers = n, given.target.shape[0]
        _step[(programs,)](*given, gain, base, x, out, change, *numbers, WIDTH=width, SIZE=NODES)
    return change.double().sum(0)


@triton.jit
def _step(
    target,
    weight,
    rest_start,
    rest_target,
    rest_weight,
    gain,
    base,
    x,
    out,
    change,
    n,
    places,
    WIDTH: tl.constexpr,
    SIZE: tl.constexpr,
):
    node = (tl.program_id(0) * SIZE + tl.arange(0, SIZE)).to(tl.int64)
    column = tl.arange(0, WIDTH)
    there = node < n
    cell = node[:, None] * WIDTH + column[None, :]
    mask = there[:, None] & (column[None, :] < WIDTH)
    total = tl.zeros([SIZE, WIDTH], tl.float32)
    at = node
    for _ in range(places):
        near = tl.load(target + at, mask=there, other=0).to(tl.int64)
        strength = tl.load(weight + at, mask=there, other=0.0)
        score = tl.load(x + near[:, None] * WIDTH + column[None, :], mask=mask, other=0.0)
        total += strength[:, None] * score.to(tl.float32)
        at += n
    at = tl.load(rest_start + node, mask=there, other=0)
    end = tl.load(rest_start + node + 1, mask=there, other=0)
    for _ in range(tl.max(end - at, 0)):
        more = at < end
        near = tl.load(rest_target + at, mask=more, other=0).to(tl.int64)
        strength = tl.load(rest_weight + at, mask=more, other=0.0)
        rows = mask & more[:, None]
        score = tl.load(x + near[:, None] * WIDTH + column[None, :], mask=rows, other=0.0)
        total += strength[:, None] * score.to(tl.float32)
        at += 1
    scale = tl.load(gain + node, mask=there, other=0.0)
    made = tl.load(base + cell, mask=mask, other=0.0) + scale[:, None] * total
    before = tl.load(x + cell, mask=mask, other=0.0).to(tl.float32)
    tl.store(out + cell, made.to(out.dtype.element_ty), mask=mask)
    moved = tl.where(mask, made - before, 0.0)
    tl.store(change + tl.program_id(0) * WIDTH + column, tl.sum(moved * moved, 0))


def spread(edges: Edges, gain: Floats, base: Floats, x: Floats, out: Floats) -> Doubles:
    """See :func:`vquery_kernels.propagation.spread`."""
    out[:], change = propagate(edges, gain, base, x, 1)
    return change


def propagate(
    edges: Edges, gain: Floats, base: Floats, x: Floats, steps: int, *, half: bool = False
) -> tuple[Floats, Doubles]:
    """See :func:`vquery_kernels.propagation.propagate`; ``half`` keeps scores in bfloat16."""
    given = lists(edges)
    scale, source = gpu.tensor(gain), gpu.tensor(base)
    now = gpu.tensor(x).to(torch.bfloat16 if half else torch.float32)
    following, change = torch.empty_like(now), torch.zeros(x.shape[1])
    for _ in range(steps):
        change = step(given, scale, source, now, following)
        now, following = following, now
    return gpu.array(now.float()), gpu.array(change.double())
