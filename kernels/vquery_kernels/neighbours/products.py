"""Who multiplies the tiles: BLAS in float32 or PyTorch in bfloat16, and how far off each may be."""

from __future__ import annotations

import importlib.util
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from vquery_kernels import threads
from vquery_kernels.neighbours import bf16
from vquery_kernels.neighbours.settings import one_blas_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from vquery_kernels.neighbours.question import Floats

    Product: TypeAlias = Callable[[Floats, Floats, Floats], None]

IMPORT_PAIRS = 10**9
"""Pairs from which the import of PyTorch, about two seconds, is earned back."""

ROWS = 512
"""Rows that a thread measures or ranks at a time."""

STEP = 2.0**-23
"""Twice what one addition in float32 loses at most, relative to what it adds up."""


def wants_bfloat16(pairs: int, features: Mapping[str, bool]) -> bool:
    """Tell whether bfloat16 pays: matrix units, and a PyTorch that is loaded or soon paid for.

    >>> wants_bfloat16(10**12, {"amx-bf16": False})
    False
    """
    if not features.get("amx-bf16") or importlib.util.find_spec("torch") is None:
        return False
    return (pairs >= IMPORT_PAIRS or "torch" in sys.modules) and bf16.available()


@contextmanager
def multiplier(*, bfloat16: bool) -> Iterator[Product]:
    """Give what writes the products of the rows of two matrices into a third, for any thread."""
    if bfloat16:
        with bf16.multiplier() as product:
            yield product
    else:
        with one_blas_thread:
            yield _sgemm


def _sgemm(left: Floats, right: Floats, out: Floats) -> None:
    np.matmul(left, right.T, out=out)


def rounded(rows: Floats) -> Floats:
    """Round to the nearest bfloat16, ties to even, as the processor does.

    >>> float(rounded(np.float32([1.0 + 2**-8]))[0])   # half way between 1 and 1 + 2**-7
    1.0
    """
    bits = np.ascontiguousarray(rows).view(np.uint32)
    bits = bits + (np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1)))
    return (bits & np.uint32(0xFFFF0000)).view(np.float32)


def slack(left: Floats, right: Floats, *, bfloat16: bool) -> Floats:
    """Bound for each left row how far its products in a tile are off, (n,) float32.

    Adding up ``d`` products in float32 loses at most ``d`` steps of the product of both lengths.
    With bfloat16 the rows are rounded first, which by Cauchy and Schwarz changes the product of
    ``a`` and ``b`` by at most ``|a - round(a)| |b| + |round(a)| |b - round(b)|``.
    """
    sides = (left,) if left is right else (left, right)
    norms, lost = zip(*map(_measured, sides), strict=True)
    far = float(norms[-1].max(initial=0))
    bound = norms[0] * (far * (left.shape[1] + 8) * STEP)
    if bfloat16:
        bound = bound + lost[0] * far + (norms[0] + lost[0]) * float(lost[-1].max(initial=0))
    return np.asarray(bound * (1 + 8 * STEP), np.float32)


def _measured(points: Floats) -> tuple[Floats, Floats]:
    """Length of each row, and of what rounding to bfloat16 takes away from it."""
    norm, lost = np.empty((2, len(points)), np.float32)

    def measure(low: int, high: int) -> None:
        rows = points[low:high]
        norm[low:high] = np.linalg.norm(rows, axis=1)
        lost[low:high] = np.linalg.norm(rows - rounded(rows), axis=1)

    in_chunks(len(points), measure)
    return norm, lost


def in_chunks(rows: int, work: Callable[[int, int], None]) -> None:
    """Do ``work(low, high)`` for chunks of so many rows, on all threads."""
    cuts = range(0, rows, ROWS)
    threads.run(lambda k: work(cuts[k], min(cuts[k] + ROWS, rows)), len(cuts))
