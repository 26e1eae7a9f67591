"""Intersect on the GPU: what subtract would cut out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from vquery_kernels.subtract.triton import meeting, pieces

if TYPE_CHECKING:
    from vquery_kernels.arrays import Spans
    from vquery_kernels.subtract import Pieces


def intersect(left: Spans, right: Spans) -> Pieces:
    """See :func:`vquery_kernels.intersect.intersect`."""
    met = meeting(left, right)
    instant = met.left[1] == met.left[2]
    count = torch.where(instant, met.held, met.stop - met.first)
    return pieces(met, count, inside=True)
