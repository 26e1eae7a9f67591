"""End models on soft labels, few-shot heads, and their way to ONNX and back."""

from vquery.learn.ends.few_shot import FewShot
from vquery.learn.ends.model import EndModel

__all__ = ["EndModel", "FewShot"]
