"""Which implementation runs: Triton where a GPU is, numba where it imports, else plain numpy."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

SMALL = 20_000
"""Up to this many rows numpy answers before numba would have been imported ..."""

MANY = 2_000_000
"""... unless they make more pairs than this: numpy needs several times the memory of the result."""


HUGE = 5_000_000
"""From this many rows a GPU, where there is one, is worth the way there and back."""

CHOICES = ("numba", "numpy", "triton")
DRIVER = Path("/dev/nvidiactl")


@functools.cache
def has_gpu() -> bool:
    """Tell whether Triton and PyTorch are installed and there is a GPU for them.

    PyTorch, which takes seconds to load, is asked only where a driver is.
    """
    if not DRIVER.exists() or None in map(importlib.util.find_spec, ("triton", "torch")):
        return False
    return bool(importlib.import_module("torch").cuda.is_available())


@functools.cache
def backend() -> str:
    """Name of the implementation for large inputs on the processor: ``"numba"`` or ``"numpy"``.

    The environment variable ``VQUERY_KERNELS`` may ask for either, or for ``"triton"``, which runs
    in its interpreter where there is no GPU: slow, for tests.

    Raises
    ------
    ValueError
        If ``VQUERY_KERNELS`` has another value.
    ImportError
        If it asks for numba and numba does not import.
    """
    wanted = os.environ.get("VQUERY_KERNELS", "")
    if wanted not in ("", *CHOICES):
        raise ValueError(f"VQUERY_KERNELS must be 'numba', 'numpy' or 'triton', got {wanted!r}")
    if wanted == "triton":
        return wanted
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
    on_gpu = f"vquery_kernels.{operation}.triton"
    asked = os.environ.get("VQUERY_KERNELS", "")
    wanted = asked == "triton" or (not asked and rows >= HUGE and has_gpu())
    if wanted and importlib.util.find_spec(on_gpu) is not None:
        return importlib.import_module(on_gpu)
    compiled = f"vquery_kernels.{operation}.cpu"
    plain = importlib.import_module(f"vquery_kernels.{operation}.reference")
    small = rows <= SMALL and compiled not in sys.modules
    if small and (pairs is None or pairs(plain) <= MANY):
        return plain
    return plain if backend() == "numpy" else importlib.import_module(compiled)
