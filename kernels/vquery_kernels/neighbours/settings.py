"""Settings of the whole process, changed for a while: one thread a product, bfloat16 inside.

Tiles are spread over threads; a library that cut each up once more would have threads wait for each
other (measured: 2.5 times as long on two cores).
"""

from __future__ import annotations

import ctypes
import functools
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Held(Generic[T]):
    """A setting that is changed when the first enters and put back when the last leaves.

    >>> log = []
    >>> held = Held(lambda: log.append("changed") or 7, lambda before: log.append(before))
    >>> with held as one, held as two:
    ...     one, two
    (7, 7)
    >>> log
    ['changed', 7]
    """

    def __init__(self, change: Callable[[], T], restore: Callable[[T], None]) -> None:
        self._change, self._restore = change, restore
        self._lock, self._inside = threading.Lock(), 0

    def __enter__(self) -> T:
        """Return what the setting was before anybody entered."""
        with self._lock:
            if not self._inside:
                self._before = self._change()
            self._inside += 1
            return self._before

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._restore(self._before)


@functools.cache
def _pools() -> tuple[tuple[Callable[[], int], Callable[[int], None]], ...]:
    """Find how the OpenBLAS libraries that are loaded tell and take their number of threads.

    None where the system does not list what is loaded, or numpy multiplies by something else.
    """
    maps = Path("/proc/self/maps")
    if not maps.exists():
        return ()
    files = {line.split(maxsplit=5)[-1] for line in maps.read_text().splitlines() if ".so" in line}
    found = []
    for file in sorted(each for each in files if "openblas" in Path(each).name):
        library = ctypes.CDLL(file)
        for form in ("openblas_{}_num_threads", "scipy_openblas_{}_num_threads"):
            for ending in ("", "64_"):
                tell, take = (form.format(verb) + ending for verb in ("get", "set"))
                if hasattr(library, tell) and hasattr(library, take):
                    found.append((getattr(library, tell), getattr(library, take)))
    return tuple(found)


def _one_each() -> list[int]:
    before = [tell() for tell, _ in _pools()]
    for _, take in _pools():
        take(1)
    return before


def _as_before(threads: list[int]) -> None:
    for (_, take), number in zip(_pools(), threads, strict=True):
        take(number)


one_blas_thread = Held(_one_each, _as_before)
"""Lets OpenBLAS multiply on the calling thread alone."""
