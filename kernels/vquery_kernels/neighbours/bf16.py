"""Tiles by PyTorch: float32 in and out, multiplied as bfloat16 by the matrix units of the CPU."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from vquery_kernels.neighbours.settings import Held

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vquery_kernels.neighbours.products import Product
    from vquery_kernels.neighbours.question import Floats


def available() -> bool:
    """Tell whether this PyTorch can be asked for bfloat16 in products of float32 (from 2.9 on)."""
    return _settings() is not None


def _settings() -> Any:
    import torch

    return getattr(torch.backends.mkldnn, "matmul", None)  # made at run time, unknown to checkers


def _change() -> tuple[str, int]:
    import torch

    settings = _settings()
    before = settings.fp32_precision, torch.get_num_threads()
    settings.fp32_precision = "bf16"
    return before


def _restore(before: tuple[str, int]) -> None:
    _settings().fp32_precision = before[0]


_bfloat16 = Held(_change, _restore)


@contextmanager
def multiplier() -> Iterator[Product]:
    """Let PyTorch multiply in bfloat16, each calling thread for itself, as long as this is open.

    What other threads multiply by PyTorch meanwhile is rounded too.
    """
    import torch

    def product(left: Floats, right: Floats, out: Floats) -> None:
        if torch.get_num_threads() != 1:
            torch.set_num_threads(1)
        # PyTorch warns about arrays that may not be written, although it only reads these
        a, b = (torch.from_numpy(x if x.flags.writeable else x.copy()) for x in (left, right))
        torch.mm(a, b.T, out=torch.from_numpy(out))

    with _bfloat16 as (_, threads):
        try:
            yield product
        finally:
            torch.set_num_threads(threads)  # the calling thread has multiplied too
