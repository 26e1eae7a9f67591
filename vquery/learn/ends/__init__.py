"""End models on soft labels, few-shot heads, and their way to ONNX and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vquery.learn.ends.few_shot import FewShot

if TYPE_CHECKING:
    from vquery.learn.ends.model import EndModel

__all__ = ["EndModel", "FewShot"]


def __getattr__(name: str) -> Any:
    """Import the end model when it is asked for: few-shot heads need no PyTorch."""
    if name != "EndModel":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from vquery.learn.ends.model import EndModel

    return EndModel
