"""Which implementation runs: compiled by numba where numba imports, else plain numpy."""

from __future__ import annotations

import functools
import importlib
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

SMALL = 20_000
"""Up to this many rows numpy answers before numba would have been imported ..."""

MANY = 2_000_000
"""... unless they make more pairs than this: numpy needs several times the memory of the result."""


@functools.cache
def backend() -> str:
    """Name of the implementation for large inputs: ``"numba"`` or ``"numpy"``.

    The environment variable ``VQUERY_KERNELS`` may ask for either.

    Raises
    ------
    ValueError
        If ``VQUERY_KERNELS`` has another value.
    ImportError
        If it asks for numba and numba does not import.
    """
    wanted = os.environ.get("VQUERY_KERNELS", "")
    if wanted not in ("", "numba", "numpy"):
        raise ValueError(f"VQUERY_KERNELS must be 'numba' or 'numpy', got {wanted!r}")
    if wanted != "numpy":
        try:
            importlib.import_module("vquery_kernels.cpu")
        except ImportError:
            if wanted:
                raise
            return "numpy"
    return wanted or "numba"


def implementation(
    operation: str, rows: int, pairs: Callable[[ModuleType], int] | None = None
) -> ModuleType:
    """Return the module that carries out ``operation`` on inputs of ``rows`` rows together.

    The results do not depend on the choice. Small inputs do not pay for the import of numba: as
    long as nothing else has loaded the compiled form they go to numpy, unless ``pairs``, asked with
    the numpy module, counts many.
    """
    compiled = f"vquery_kernels.{operation}.cpu"
    plain = importlib.import_module(f"vquery_kernels.{operation}.reference")
    small = rows <= SMALL and compiled not in sys.modules
    if small and (pairs is None or pairs(plain) <= MANY):
        return plain
    return importlib.import_module(compiled) if backend() == "numba" else plain
