"""Chunks of rows, run by threads: the compiled kernels release the interpreter's lock.

Threads of Python rather than numba's own, which may not be entered from two threads at once and
do not survive a fork.
"""

from __future__ import annotations

import functools
import os
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

CHUNK = 1 << 16
"""Rows that are worth a task of their own."""

TASKS = 8
"""Tasks a thread, so that uneven chunks even out."""


_own = threading.local()


@contextmanager
def limited(most: int | None) -> Iterator[None]:
    """Let kernels that the calling thread runs use at most so many threads (None: any number).

    For threads that share the cores among themselves.

    >>> with limited(1):
    ...     workers()
    1
    """
    before, _own.most = getattr(_own, "most", None), most
    try:
        yield
    finally:
        _own.most = before


def workers() -> int:
    """Return how many threads to use: ``VQUERY_THREADS``, else the cores that this process may use.

    Raises
    ------
    ValueError
        If ``VQUERY_THREADS`` is not a positive number.
    """
    most: int | None = getattr(_own, "most", None)
    if most is not None:
        return most
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
    """Return ``[task(0), ..., task(count - 1)]``, run side by side.

    The calling thread takes tasks too and does not wait for helpers that have not begun.

    >>> run(lambda number: number * number, 4)
    [0, 1, 4, 9]
    """
    waiting = deque(range(count))
    results: dict[int, T] = {}

    def work() -> None:
        while waiting:
            try:
                number = waiting.popleft()
            except IndexError:  # another thread took the last one
                return
            results[number] = task(number)

    helpers = min(workers(), count) - 1
    futures = [_helpers(helpers).submit(work) for _ in range(helpers)]
    try:
        work()
    finally:
        waiting.clear()
        for future in futures:
            if not future.cancel():
                future.result()
    return [results[number] for number in range(count)]


@functools.cache
def _helpers(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="vquery-kernels")


if hasattr(os, "register_at_fork"):  # a forked child has no threads: it makes its own
    os.register_at_fork(after_in_child=_helpers.cache_clear)
