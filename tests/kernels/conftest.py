"""What all kernel tests share: garbage in fresh memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from vquery_kernels import arrays


class GarbageNumpy:
    """numpy whose ``empty`` returns memory full of garbage."""

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    def empty(self, size: int, dtype: Any) -> np.ndarray:
        memory = np.full(size * np.dtype(dtype).itemsize, 0xA5, np.uint8)
        return memory.view(dtype)


@pytest.fixture(autouse=True)
def garbage(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel must write every element that it returns."""
    monkeypatch.setattr(arrays, "np", GarbageNumpy())
