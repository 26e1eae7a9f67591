"""Run a classifier in an ONNX file, on vectors or pictures, through ``cv2.dnn``."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from vquery.errors import MediaError
from vquery.media import onnx

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

SUM_ERROR = 1e-3
AT_ONCE = 256


class OnnxClassifier:
    """A network of the user's own, or one that `EndModel.to_onnx` wrote, as a classifier.

    Parameters
    ----------
    path : Path
        A file with one input, vectors ``(free or 1, d)`` or pictures ``(free or 1, 3, side, side)``
        as RGB, and one output ``(n, classes)``.
    classes : sequence of str, optional
        The columns of the output; a file of vquery names them itself.
    scale : float, optional
        What pictures, bytes from 0 to 255, are multiplied by. Files of vquery take them as bytes.
    logits : bool, optional
        Whether the output becomes probabilities only by a softmax.

    Raises
    ------
    MediaError
        If the file is missing, is no such network, uses what OpenCV cannot run, or classes are not
        as many as outputs.
    """

    def __init__(
        self,
        path: Path,
        *,
        classes: Sequence[str] | None = None,
        scale: float = 1.0,
        logits: bool = False,
    ) -> None:
        self.path, self._scale, self._logits = path, scale, logits
        self.shape = onnx.input_shape(path)
        pictures = len(self.shape) == 4 and self.shape[1] == 3 and self.shape[2] == self.shape[3]
        if not pictures and len(self.shape) != 2:
            raise MediaError(
                f"{path}: expected an input of shape (n, dimensions) or (n, 3, side, side), got "
                f"{self.shape}; None is free"
            )
        if None in self.shape[1:]:
            raise MediaError(f"{path}: the size of its input must be fixed, got {self.shape}")
        told = onnx.properties(path).get("classes")
        self.classes_ = (
            tuple(json.loads(told)) if classes is None and told else tuple(classes or ())
        )
        try:
            self._net = cv2.dnn.readNetFromONNX(str(path))
            size = self._run(np.zeros((1, *self._item()), np.float32)).shape[1]
        except cv2.error as error:
            reason = " ".join(str(error.err or error).split())
            raise MediaError(f"{path}: OpenCV {cv2.__version__} cannot run it: {reason}") from error
        if len(self.classes_) != size:
            raise MediaError(
                f"{path}: its output has {size} columns, and there are {len(self.classes_)} "
                "classes: give classes=, one a column"
            )
        options = json.dumps([self.classes_, scale, logits])
        content = hashlib.sha256(path.read_bytes() + options.encode())
        self.version = f"onnx-{content.hexdigest()[:16]}"

    @property
    def side(self) -> int | None:
        """Pixels of the pictures that it takes; None for vectors."""
        return self.shape[2] if len(self.shape) == 4 else None

    def _item(self) -> tuple[int, ...]:
        return tuple(int(size or 0) for size in self.shape[1:])

    def _run(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        self._net.setInput(np.ascontiguousarray(batch))
        found = np.asarray(self._net.forward(), np.float32)
        return found.reshape(len(batch), -1)

    def predict_proba(self, X: Any) -> NDArray[np.float64]:  # noqa: N803 - as in scikit-learn
        """Return the probability of each class, (n, k).

        Parameters
        ----------
        X
            Vectors (n, d), or pictures (n, 3, side, side), bytes.

        Raises
        ------
        MediaError
            If they have another shape, or the output is no probability.
        """
        x = np.asarray(getattr(X, "pixels", X))
        if x.shape[1:] != self._item():
            raise MediaError(f"{self.path}: takes items of shape {self._item()}, got {x.shape[1:]}")
        parts: list[NDArray[np.float64]] = [np.zeros((0, len(self.classes_)))]
        for at in range(0, len(x), AT_ONCE):
            batch = np.asarray(x[at : at + AT_ONCE], np.float32)
            parts.append(
                self._run(batch if self.side is None else batch * self._scale).astype(np.float64)
            )
        return self._shares(np.concatenate(parts))

    def _shares(self, found: NDArray[np.float64]) -> NDArray[np.float64]:
        if self._logits:
            found = np.exp(found - found.max(1, keepdims=True, initial=-np.inf))
            return np.asarray(found / found.sum(1, keepdims=True))
        sums = found.sum(1)
        if len(found) and not (np.abs(sums - 1) < SUM_ERROR).all():
            raise MediaError(
                f"{self.path}: its outputs are no probabilities (a row sums to {sums[0]:.3g}); say "
                "logits=True if they become so by a softmax"
            )
        return np.asarray(found / np.where(sums > 0, sums, 1)[:, None])

    def predict(self, X: Any) -> NDArray[Any]:  # noqa: N803
        """Return the most probable class of each item."""
        names = np.empty(len(self.classes_), object)
        names[:] = self.classes_
        return np.asarray(names[self.predict_proba(X).argmax(1)])
