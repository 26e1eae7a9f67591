"""Find faces: YuNet where its weights are found, else the cascade that ships with OpenCV 4."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import cv2
import numpy as np

from vquery.errors import MediaError
from vquery.media import chips, models

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

STRIDE_PX = 32
"""YuNet's coarsest grid: inputs are whole multiples of it."""
FREE_INPUT_PX = 640
"""Longest side for weights whose input has no fixed size."""
YUNET_NMS_IOU = 0.3
MAX_FACES = 5000
LANDMARKS = 5
SCORE = 0.7
"""Lowest score of a face, unless another one is asked for."""
CASCADE = "haarcascade_frontalface_alt2.xml"
HAAR_SIDE_PX = 640
HAAR_FACE_PX = 24
HAAR_NEIGHBOURS = 3
HAAR_SHARED = 0.5
HAAR_SLOPE, HAAR_EVEN = 3.9, 54.8
"""Fitted by logistic regression on 285 boxes of 23 clips, against the faces that YuNet finds."""


@dataclass(frozen=True, slots=True)
class Faces:
    """The faces of one picture, best score first.

    Attributes
    ----------
    boxes : float32 (n, 4)
        ``x1, y1, x2, y2``, normalised to the picture; may stick out of it.
    scores : float32 (n,)
        In (0, 1].
    landmarks : float32 (n, 5, 2)
        Right eye, left eye, nose tip, right and left corner of the mouth (the person's right, so
        in a frontal face x grows from the first to the second), normalised as the boxes are; NaN
        where the detector finds none.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    landmarks: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.boxes)


class FaceDetector(Protocol):
    """What finds faces in one picture after another (not safe for use by several threads)."""

    @property
    def name(self) -> str:
        """Detector and weights, as in ``yunet:yunet_n_640_640.onnx``."""
        ...

    @property
    def note(self) -> str:
        """One sentence for the user: what is used, and what it misses."""
        ...

    def detect(self, image: NDArray[np.uint8]) -> Faces:
        """Find the faces of a BGR picture (height, width, 3)."""
        ...


def open_face_detector(models_dir: Path | None = None, score: float = SCORE) -> FaceDetector:
    """Open the best face detector there is on this machine.

    Parameters
    ----------
    models_dir : Path, optional
        Folder of weights; by default ``$VQUERY_MODELS``, then the user's cache.
    score : float, optional
        Lowest score of a face, in (0, 1).

    Raises
    ------
    MediaError
        If neither weights nor a built-in detector work; the message says how to get weights.
    """
    if not 0 < score < 1:
        raise MediaError(f"score must be between 0 and 1, got {score}")
    refused: list[str] = []
    for path in models.candidates("yunet", models_dir):
        try:
            return YuNet(path, score=score, refused=tuple(refused))
        except MediaError as error:
            refused.append(str(error))
    try:
        return Haar(score=score, refused=tuple(refused))
    except MediaError as error:
        tried = "".join(f" Tried: {one}." for one in (*refused, str(error)))
        raise MediaError(
            "no face detector works here. Get weights with `vquery models get yunet`, or put "
            f"a *yunet*.onnx file into a folder that ${models.ENVIRONMENT} names.{tried}"
        ) from error


class YuNet:
    """YuNet through ``cv2.FaceDetectorYN``, the picture letterboxed to the weights' input size.

    W. Wu, H. Peng, S. Yu: YuNet: A Tiny Millisecond-level Face Detector. Machine Intelligence
    Research 20 (2023).
    """

    def __init__(self, path: Path, *, score: float = SCORE, refused: tuple[str, ...] = ()) -> None:
        self.name = f"yunet:{path.name}"
        self.note = f"faces are found by {path.name}"
        if refused:
            self.note += f" (weights that do not load here: {'; '.join(refused)})"
        self._score = score
        self._side = models.fixed_input(path) or FREE_INPUT_PX
        self._size = self._inner = (0, 0)
        self._canvas = np.zeros((self._side, self._side, 3), np.uint8)
        with _open_cv_refuses(path):
            self._net = self._create(path)
        self._crop_input = self._takes_other_shapes()

    def _create(self, path: Path) -> cv2.FaceDetectorYN:
        size = (self._side, self._side)
        net = cv2.FaceDetectorYN.create(str(path), "", size, self._score, YUNET_NMS_IOU, MAX_FACES)
        net.detect(self._canvas)
        return net

    def _takes_other_shapes(self) -> bool:
        """Say whether padding can be left out, which saves 2/5 of the time on wide pictures."""
        size = (self._side, self._side // 2 // STRIDE_PX * STRIDE_PX)
        try:
            with _quiet():
                self._net.setInputSize(size)
                self._net.detect(self._canvas[: size[1]])
        except cv2.error:
            return False
        return True

    def detect(self, image: NDArray[np.uint8]) -> Faces:
        """Find the faces of a BGR picture (height, width, 3)."""
        height, width = chips.picture_size(image)
        scale = self._side / max(height, width)
        inner = (max(round(width * scale), 1), max(round(height * scale), 1))
        canvas = self._letterbox(image, inner)
        answer: Any = self._net.detect(canvas)[1]  # the stubs know no None
        if answer is None:
            return _no_faces()
        found = np.asarray(answer, np.float32)
        # a normalised point is the same point in the picture and in its scaled copy
        points = np.divide(found[:, :14], np.array(inner * 7, np.float32), dtype=np.float32)
        boxes = points[:, :4]
        boxes[:, 2:] += boxes[:, :2]
        marks = points[:, 4:].reshape(-1, LANDMARKS, 2)
        return _sorted(boxes, np.clip(found[:, 14], 1e-6, 1.0), marks)

    def _letterbox(self, image: NDArray[np.uint8], inner: tuple[int, int]) -> NDArray[np.uint8]:
        """Scale the picture into the corner of the reused input, black where it does not reach."""
        size = (self._side, self._side)
        if self._crop_input:
            size = (_whole_strides(inner[0]), _whole_strides(inner[1]))
        if size != self._size or inner != self._inner:
            self._net.setInputSize(size)
            self._size, self._inner = size, inner
            self._canvas = np.zeros((size[1], size[0], 3), np.uint8)
        target = self._canvas[: inner[1], : inner[0]]
        shrinks = inner[0] < image.shape[1]
        how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        cv2.resize(image, inner, dst=target, interpolation=how)
        return self._canvas


class Haar:
    """The frontal-face cascade that ships with OpenCV 4: a fallback that needs no download.

    P. Viola, M. Jones: Rapid Object Detection using a Boosted Cascade of Simple Features (2001).
    """

    name = "haar:frontalface"

    def __init__(self, *, score: float = SCORE, refused: tuple[str, ...] = ()) -> None:
        self.note = (
            "faces are found by OpenCV's built-in frontal-face cascade: faces in profile, and many "
            "others, are missed, and boxes may hit nothing; `vquery models get yunet` "
            "fetches a better and faster detector"
        )
        if refused:
            self.note += f" (weights that do not load here: {'; '.join(refused)})"
        self._score = score
        self._cascade = _cascade(CASCADE)

    def detect(self, image: NDArray[np.uint8]) -> Faces:
        """Find the frontal faces of a BGR picture (height, width, 3)."""
        height, width = chips.picture_size(image)
        scale = min(HAAR_SIDE_PX / max(height, width), 1.0)
        inner = (max(round(width * scale), 1), max(round(height * scale), 1))
        grey = cv2.equalizeHist(
            cv2.cvtColor(cv2.resize(image, inner, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY)
        )
        rectangles, _, weights = self._cascade.detectMultiScale3(
            grey,
            scaleFactor=1.1,
            minNeighbors=HAAR_NEIGHBOURS,
            minSize=(HAAR_FACE_PX, HAAR_FACE_PX),
            outputRejectLevels=True,
        )
        if not len(rectangles):
            return _no_faces()
        found = np.asarray(rectangles, np.int32)
        scores = _haar_score(np.asarray(weights, np.float32).reshape(-1))
        kept = [i for i in _suppress(found, scores) if scores[i] >= self._score]
        if not kept:
            return _no_faces()
        boxes = found[kept].astype(np.float32)
        boxes[:, 2:] += boxes[:, :2]
        boxes /= np.array(inner * 2, np.float32)
        marks = np.full((len(kept), LANDMARKS, 2), np.nan, np.float32)
        return _sorted(boxes, scores[kept], marks)


def _cascade(file: str) -> cv2.CascadeClassifier:
    if not hasattr(cv2, "CascadeClassifier"):
        raise MediaError(f"OpenCV {cv2.__version__} has no cascade classifier")
    path = Path(cv2.__file__).parent / "data" / file
    if not path.is_file():
        raise MediaError(f"this build of OpenCV lacks {path}")
    cascade = cv2.CascadeClassifier(str(path))
    if cascade.empty():
        raise MediaError(f"{path}: is not a cascade")
    return cascade


def _haar_score(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Turn the last stage's votes into how probable it is that the box holds a face."""
    odds = np.exp(HAAR_SLOPE * (HAAR_EVEN - weights))
    return np.asarray(1.0 / (1.0 + odds), np.float32)


def _suppress(found: NDArray[np.int32], scores: NDArray[np.float32]) -> list[int]:
    """Keep the best of the boxes (x, y, width, height) that share most of the smaller one."""
    kept: list[int] = []
    for i in np.argsort(-scores, kind="stable"):
        x, y, w, h = found[i]
        for j in kept:
            a, b, c, d = found[j]
            wide = min(x + w, a + c) - max(x, a)
            high = min(y + h, b + d) - max(y, b)
            if wide > 0 and high > 0 and wide * high > HAAR_SHARED * min(w * h, c * d):
                break
        else:
            kept.append(int(i))
    return kept


def _whole_strides(pixels: int) -> int:
    """Round up to whole cells, two at least: OpenCV 4.14 answers a single row with garbage."""
    return max(-(-pixels // STRIDE_PX), 2) * STRIDE_PX


def _no_faces() -> Faces:
    return Faces(
        np.empty((0, 4), np.float32),
        np.empty(0, np.float32),
        np.empty((0, LANDMARKS, 2), np.float32),
    )


def _sorted(
    boxes: NDArray[np.float32], scores: NDArray[np.float32], marks: NDArray[np.float32]
) -> Faces:
    order = np.argsort(-scores, kind="stable")
    return Faces(
        np.ascontiguousarray(boxes[order], np.float32),
        np.ascontiguousarray(scores[order], np.float32),
        np.ascontiguousarray(marks[order], np.float32),
    )


@contextlib.contextmanager
def _open_cv_refuses(path: Path) -> Iterator[None]:
    """Turn OpenCV's refusal of a file into a MediaError with its last line."""
    try:
        with _quiet():
            yield
    except cv2.error as error:
        reason = " ".join(str(error.err or error).split())
        raise MediaError(f"{path}: does not load in OpenCV {cv2.__version__}: {reason}") from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep OpenCV from writing to stderr what is about to be an exception."""
    before = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(before)
