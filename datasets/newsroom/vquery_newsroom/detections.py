"""A face detector that errs: boxes jitter, faces are missed, boxes surround nothing; no names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from vquery_newsroom.film import Box, Face

MISSED = 0.08  # share of the faces
FALSE = 0.03  # boxes around nothing, as a share of the faces
JITTER = 0.025  # standard deviation of each side, as a share of the size of the box
EVERY = 5  # frames


@dataclass(frozen=True, slots=True)
class Detection:
    """A box in fractions of the picture, clipped to it, and the detector's score."""

    box: Box
    score: float


@dataclass
class Detector:
    """Draws detections for the true faces of frame after frame, and counts its errors."""

    rng: np.random.Generator
    n_missed: int = 0
    n_false: int = 0

    def detect(self, faces: list[Face]) -> list[Detection]:
        """Return the detections of one frame; those of true faces come first."""
        found = []
        for face in faces:
            jitter, score = self.rng.normal(0, JITTER, 4), self.rng.normal(0.91, 0.05)
            if self.rng.random() < MISSED:
                self.n_missed += 1
                continue
            found.append(Detection(_moved(face.box, jitter), float(np.clip(score, 0.70, 0.995))))
        # a frame without faces can fool a detector too: count it as half a face
        if self.rng.random() < FALSE * max(0.5, len(faces)):
            ghost = self._ghost(faces)
            if ghost:
                self.n_false += 1
                found.append(ghost)
        return found

    def _ghost(self, faces: list[Face]) -> Detection | None:
        for _ in range(20):
            height = self.rng.uniform(0.12, 0.34)
            width = height * 0.78 * 9 / 16
            x, y = self.rng.uniform(0, 1 - width), self.rng.uniform(0, 1 - height)
            box = (float(x), float(y), float(x + width), float(y + height))
            if all(_apart(box, face.box) for face in faces):
                return Detection(box, float(self.rng.uniform(0.30, 0.65)))
        return None


def _moved(box: Box, jitter: np.ndarray) -> Box:
    width, height = box[2] - box[0], box[3] - box[1]
    x1, y1, x2, y2 = np.clip(np.array(box) + jitter * (width, height, width, height), 0, 1)
    return float(x1), float(y1), float(x2), float(y2)


def _apart(a: Box, b: Box) -> bool:
    return a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
