"""Run a classifier in an ONNX file, on vectors or pictures, through ``cv2.dnn``."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from vquery.errors import MediaError
from vquery.media import onnx

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

SUM_ERROR = 1e-3
AT_ONCE = 256
MOST = 1e8
"""Numbers of one item; with more, a file would rather fill the memory than be a network."""
PLAIN = (str, int, float, bool, type(None))


class OnnxClassifier:
    """A network of the user's own, or one that `EndModel.to_onnx` wrote, as a classifier.

    Parameters
    ----------
    path : Path or str
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
        path: Path | str,
        *,
        classes: Sequence[str] | None = None,
        scale: float = 1.0,
        logits: bool = False,
    ) -> None:
        path = Path(path)
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
        self.classes_ = self._told() if classes is None else tuple(classes)
        size = self._opened()
        if len(self.classes_) != size:
            raise MediaError(
                f"{path}: its output has {size} columns, and there are {len(self.classes_)} "
                "classes: give classes=, one a column"
            )
        options = json.dumps([self.classes_, scale, logits])
        content = hashlib.sha256(path.read_bytes() + options.encode())
        self.version = f"onnx-{content.hexdigest()[:16]}"

    def _told(self) -> tuple[str | None, ...]:
        """Read the classes that a file of vquery names."""
        text = onnx.properties(self.path).get("classes", "[]")
        try:
            found = json.loads(text)
        except ValueError:
            found = None
        if not isinstance(found, list) or not all(isinstance(one, PLAIN) for one in found):
            raise MediaError(f"{self.path}: its classes are no list of names: {text[:80]!r}")
        return tuple(found)

    def _opened(self) -> int:
        """Open the network and try it on one item; returns the columns of its output."""
        if np.prod([float(one) for one in self._item()]) > MOST:
            raise MediaError(f"{self.path}: an item of shape {self._item()} is too large")
        try:
            self._net = cv2.dnn.readNetFromONNX(str(self.path))
            return int(self._run(np.zeros((1, *self._item()), np.float32)).shape[1])
        except (cv2.error, ValueError) as error:
            reason = " ".join(str(getattr(error, "err", "") or error).split())
            raise MediaError(
                f"{self.path}: OpenCV {cv2.__version__} cannot run it: {reason}"
            ) from error

    @property
    def side(self) -> int | None:
        """Pixels of the pictures that it takes; None for vectors."""
        return self.shape[2] if len(self.shape) == 4 else None

    def _item(self) -> tuple[int, ...]:
        return tuple(int(size or 0) for size in self.shape[1:])

    def _run(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        self._net.setInput(np.ascontiguousarray(batch))
        found = np.asarray(self._net.forward(), np.float32)
        if found.size % len(batch) or not found.size:
            raise MediaError(
                f"{self.path}: its output has shape {found.shape} for {len(batch)} items"
            )
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
        if x.dtype.kind not in "fiub":
            raise MediaError(f"{self.path}: takes numbers, got {x.dtype}")
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
        bad = np.flatnonzero(~np.isfinite(found).all(1))
        if len(bad):
            raise MediaError(f"{self.path}: its output for item {bad[0]} is not finite")
        if self._logits:
            found = np.exp(found - found.max(1, keepdims=True, initial=-np.inf))
            return np.asarray(found / found.sum(1, keepdims=True))
        sums = found.sum(1)
        odd = np.flatnonzero((np.abs(sums - 1) > SUM_ERROR) | (found < -SUM_ERROR).any(1))
        if len(odd):
            raise MediaError(
                f"{self.path}: its outputs are no probabilities (those of item {odd[0]} sum to "
                f"{sums[odd[0]]:.3g}, the least is {found[odd[0]].min():.3g}); say logits=True if "
                "they become so by a softmax"
            )
        return np.asarray(np.clip(found, 0, None) / sums[:, None])

    def predict(self, X: Any) -> NDArray[Any]:  # noqa: N803
        """Return the most probable class of each item."""
        names = np.empty(len(self.classes_), object)
        names[:] = self.classes_
        return np.asarray(names[self.predict_proba(X).argmax(1)])
