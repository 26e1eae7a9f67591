"""Small sums of linear algebra on one thread."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

from threadpoolctl import ThreadpoolController

LARGE = 4_000_000
"""Numbers of a matrix from which more threads are worth their start."""


def calm(numbers: int) -> AbstractContextManager[Any]:
    """Keep BLAS to one thread for work on so many numbers; large work keeps all threads.

    The threads of BLAS spin while they wait for each other: where other programs are busy, a
    thousand steps on small arrays then take thirty times as long.

    >>> with calm(10):
    ...     pass
    """
    return _libraries().limit(limits=1, user_api="blas") if numbers < LARGE else nullcontext()


@cache
def _libraries() -> ThreadpoolController:
    """Find the libraries of linear algebra, after those who use them have loaded them."""
    return ThreadpoolController()
