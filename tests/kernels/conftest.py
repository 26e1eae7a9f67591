"""What all kernel tests share: garbage in fresh memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def garbage(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fill what ``np.empty`` returns with garbage: a kernel must write every element it returns."""
    empty = np.empty

    def poisoned(shape: Any, dtype: Any = float, **keywords: Any) -> np.ndarray:
        array = empty(shape, dtype, **keywords)
        if array.dtype.kind in "iu" and array.flags.c_contiguous:
            array.view(np.uint8)[...] = 0xA5
        return array

    monkeypatch.setattr(np, "empty", poisoned)
