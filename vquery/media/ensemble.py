"""Look for faces several times, mirrored and at other scales, and keep what looks agree on.

Data distillation without training: I. Radosavovic, P. Dollár, R. Girshick, G. Gkioxari, K. He,
Data Distillation: Towards Omni-Supervised Learning (2018). It works with any detector, whatever
size its input has: larger scales are tiles of the picture, a smaller one is a picture with a
border.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from vquery.errors import MediaError
from vquery.media import chips
from vquery.media.faces import LANDMARKS, SCORE, Faces
from vquery.media.voting import vote_boxes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from vquery.media.faces import FaceDetector

    Image = NDArray[np.uint8]

FLOOR = 0.5
"""Score that a face must have in a look: that other looks see it too makes up for less of it."""
AGREE = 2
TILE = 0.6
"""Share of each side that a tile has, so that two of them overlap by a fifth of the picture."""
EDGE = 0.01
"""Share of a tile: a face that is nearer to where a tile was cut is cut itself."""
SHRUNK = 0.5
MIRRORED = (1, 0, 2, 4, 3)
"""Right and left change places in a mirror: eyes, and corners of the mouth."""
LOOKS = ("whole", "mirrored", "tiles", "shrunk")


class _Part(NamedTuple):
    """A picture to be searched, and where its points lie in the whole one.

    ``scale`` and ``offset`` (x, y) bring its normalised points to normalised ones of the whole;
    ``cut`` tells for left, top, right and bottom whether the picture goes on there.
    """

    image: Image
    scale: tuple[float, float] = (1.0, 1.0)
    offset: tuple[float, float] = (0.0, 0.0)
    cut: tuple[bool, bool, bool, bool] = (False, False, False, False)
    mirrored: bool = False


class Ensemble:
    """A face detector that looks at each picture several times, and lets the looks vote.

    A face is kept where at least ``agree`` looks found it and one of them with at least ``score``;
    its box is the mean of theirs by score, its score that of the best.

    Parameters
    ----------
    detector
        What looks; opened with a low score (`FLOOR`).
    score
        That the best look must give.
    looks
        Of "whole", "mirrored", "tiles" (four, 5/3 of the scale) and "shrunk" (half the scale).
    agree
        How many looks must find a face.

    Raises
    ------
    MediaError
        If a look is unknown, or there are fewer than must agree.
    """

    def __init__(
        self,
        detector: FaceDetector,
        *,
        score: float = SCORE,
        looks: Sequence[str] = LOOKS,
        agree: int = AGREE,
    ) -> None:
        strange = [look for look in looks if look not in LOOKS]
        if strange:
            raise MediaError(f"looks must be of {', '.join(LOOKS)}, got {strange[0]!r}")
        if len(set(looks)) < len(looks):
            raise MediaError(f"looks must be different ones, got {', '.join(looks)}")
        if not 1 <= agree <= len(looks):
            raise MediaError(f"agree must be from 1 to the {len(looks)} looks, got {agree}")
        self._detector, self._score = detector, score
        self._looks, self._agree = tuple(looks), agree
        self.name = f"{detector.name} x{len(looks)}"
        self.note = (
            f"{detector.note}, each picture looked at as {', '.join(looks)}, and kept where "
            f"{agree} looks agree"
        )

    def detect(self, image: Image) -> Faces:
        """Find the faces of a BGR picture (height, width, 3)."""
        chips.picture_size(image)
        return self.merged([self.seen(image, look) for look in self._looks])

    def seen(self, image: Image, look: str) -> Faces:
        """Find the faces of one look at a picture, placed in the whole of it, in any order."""
        parts = [_placed(self._detector.detect(one.image), one) for one in _parts(image, look)]
        return _joined(parts)

    def merged(self, looks: Sequence[Faces]) -> Faces:
        """Let looks vote."""
        found = _joined(looks)
        view = np.repeat(np.arange(len(looks)), [len(one) for one in looks])
        marks, scores = found.landmarks, found.scores
        voted = vote_boxes(found.boxes, scores, view, agree=self._agree)
        good = np.flatnonzero(voted.scores >= self._score)
        merged = [_mean_marks(marks[voted.voters[at]], scores[voted.voters[at]]) for at in good]
        return Faces(
            voted.boxes[good].astype(np.float32),
            voted.scores[good].astype(np.float32),
            np.array(merged, np.float32).reshape(-1, LANDMARKS, 2),
        )


def _joined(parts: Sequence[Faces]) -> Faces:
    return Faces(
        np.concatenate([one.boxes for one in parts]),
        np.concatenate([one.scores for one in parts]),
        np.concatenate([one.landmarks for one in parts]),
    )


def _parts(image: Image, look: str) -> Iterator[_Part]:
    """Make the pictures of a look."""
    if look == "whole":
        yield _Part(image)
    elif look == "mirrored":
        yield _Part(np.ascontiguousarray(image[:, ::-1]), mirrored=True)
    elif look == "tiles":
        yield from _tiles(image)
    else:
        yield _shrunk(image)


def _tiles(image: Image) -> Iterator[_Part]:
    height, width = image.shape[:2]
    high, wide = max(round(height * TILE), 1), max(round(width * TILE), 1)
    for top in (0, height - high):
        for left in (0, width - wide):
            yield _Part(
                np.ascontiguousarray(image[top : top + high, left : left + wide]),
                (wide / width, high / height),
                (left / width, top / height),
                (left > 0, top > 0, left + wide < width, top + high < height),
            )


def _shrunk(image: Image) -> _Part:
    height, width = image.shape[:2]
    wide, high = max(round(width * SHRUNK), 1), max(round(height * SHRUNK), 1)
    canvas = np.zeros_like(image)
    cv2.resize(image, (wide, high), dst=canvas[:high, :wide], interpolation=cv2.INTER_AREA)
    return _Part(canvas, (width / wide, height / high))


def _placed(found: Faces, part: _Part) -> Faces:
    """Bring faces of a part to their place in the whole picture, without those that were cut."""
    boxes, marks = found.boxes, found.landmarks
    if part.mirrored:
        boxes = np.stack([1 - boxes[:, 2], boxes[:, 1], 1 - boxes[:, 0], boxes[:, 3]], 1)
        marks = marks[:, MIRRORED] * np.array([-1, 1], np.float32) + np.array([1, 0], np.float32)
    near = np.concatenate([boxes[:, :2] < EDGE, boxes[:, 2:] > 1 - EDGE], axis=1)
    whole = ~(near & np.array(part.cut)).any(1)
    scale, offset = np.array(part.scale, np.float32), np.array(part.offset, np.float32)
    boxes = boxes * np.tile(scale, 2) + np.tile(offset, 2)
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    whole &= ((middle >= 0) & (middle <= 1)).all(1)  # none lies in the border of a shrunk picture
    marks = marks * scale + offset
    return Faces(boxes[whole], found.scores[whole], marks[whole])


def _mean_marks(marks: NDArray[np.float32], scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean of landmarks by score; NaN where no look has them."""
    there = np.isfinite(marks).all((1, 2))
    if not there.any():
        return np.full((LANDMARKS, 2), np.nan, np.float32)
    return np.asarray(np.average(marks[there], axis=0, weights=scores[there]), np.float32)
