"""Chunks of rows, run by threads: the compiled kernels release the interpreter's lock.

Threads of Python rather than numba's own, which may not be entered from two threads at once and
do not survive a fork.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

CHUNK = 1 << 15
"""Rows that are worth a task of their own."""

TASKS = 8
"""Tasks a thread, so that uneven chunks even out."""


def workers() -> int:
    """Return how many threads to use: ``VQUERY_THREADS``, else the cores that this process may use.

    Raises
    ------
    ValueError
        If ``VQUERY_THREADS`` is not a positive number.
    """
    wanted = os.environ.get("VQUERY_THREADS", "")
    if wanted:
        if not wanted.isdecimal() or int(wanted) < 1:
            raise ValueError(f"VQUERY_THREADS must be a whole number from 1, got {wanted!r}")
        return int(wanted)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def chunks(rows: int) -> int:
    """Into how many chunks to cut ``rows`` rows."""
    return max(1, min(TASKS * workers(), rows // CHUNK))


def cuts(rows: int) -> list[int]:
    """Cut ``rows`` rows evenly: chunk ``k`` is ``cuts[k] .. cuts[k + 1]``.

    >>> cuts(10)
    [0, 10]
    """
    parts = chunks(rows)
    return [rows * part // parts for part in range(parts + 1)]


def run(task: Callable[[int], T], count: int) -> list[T]:
    """Return ``[task(0), ..., task(count - 1)]``, run side by side."""
    threads = min(workers(), count)
    if threads <= 1:
        return [task(number) for number in range(count)]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(task, range(count)))
