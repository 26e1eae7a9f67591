"""Describe faces and frames by vectors of unit length whose cosine tells how alike they look.

Shape as a histogram of oriented gradients (N. Dalal, B. Triggs 2005) and colour as a coarse Lab
layout whose mean lightness is removed. No weights are needed. The same person in the same
clothes is found again across shots; the same person in different photographs is out of reach,
which is what `OnnxDescriptor` is for.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

import cv2
import numpy as np

from vquery.errors import MediaError

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHIP_PX = 64
CELL_PX = 8
BINS = 9
LAYOUT = 8
CELLS = CHIP_PX // CELL_PX
TURN = 2 * BINS + 1
HOG_DIM = CELLS * CELLS * BINS
LAB_DIM = LAYOUT * LAYOUT * 3
FACE_DIM = HOG_DIM + LAB_DIM
MARGIN = 0.5
"""Of a face's side, all around, in the wide crop."""
LAB_WEIGHT = 0.5
MISFIT_PX = 3.0
"""Root mean square distance from the template at which landmarks are no frontal face's."""
MAX_OVERSAMPLING = 3
TEMPLATE = np.array(
    [[0.31, 0.40], [0.69, 0.40], [0.50, 0.60], [0.35, 0.79], [0.65, 0.79]], np.float32
)
"""Where the landmarks of a frontal face lie in YuNet's box, in box units."""
TARGET = (TEMPLATE[:, 0] + 1j * TEMPLATE[:, 1]).astype(np.complex128) * CHIP_PX
TARGET_MIDDLE = complex(TARGET.mean())
TARGET -= TARGET_MIDDLE
LAB_ZERO = 128.0
NOISE = 1e-2 * CELL_PX**4
"""Added to the squared gradients of a block: below a few grey levels they are noise."""
TINY = 1e-12


class FaceDescriptor:
    """HOG and Lab layout of a face's chip ("face") and of a wide crop about it ("face_wide").

    Attributes
    ----------
    spaces : dict of str to int
        The spaces and their dimensions.
    version : str
        Changes whenever the numbers do.
    """

    spaces: ClassVar[dict[str, int]] = {"face": FACE_DIM, "face_wide": FACE_DIM}
    version = "hog-lab-2"

    def describe(
        self,
        image: NDArray[np.uint8],
        boxes: NDArray[np.float32],
        landmarks: NDArray[np.float32] | None = None,
    ) -> dict[str, NDArray[np.float32]]:
        """Describe each face of a picture.

        Parameters
        ----------
        image : uint8 (height, width, 3)
            BGR.
        boxes : float32 (n, 4)
            Normalised; may stick out of the picture: its border is repeated there.
        landmarks : float32 (n, 5, 2), optional
            Normalised. A face whose landmarks are not all known, or lie as in no frontal face, is
            cut out by its box alone: a similarity fitted to a profile jumps from frame to frame.

        Returns
        -------
        dict of str to float32 (n, d)
            Unit vectors by space.
        """
        size = np.array([image.shape[1], image.shape[0]], np.float32)
        corners = np.asarray(boxes, np.float32).reshape(-1, 2, 2) * size
        marks = _landmarks(landmarks, len(corners)) * size
        chips = np.empty((2, len(corners), CHIP_PX, CHIP_PX, 3), np.uint8)
        for i, (corner, mark) in enumerate(zip(corners, marks, strict=True)):
            aligned = _mark_map(mark)
            chips[0, i] = _chip(image, _box_map(corner, 0.0) if aligned is None else aligned)
            chips[1, i] = _chip(image, _box_map(corner, MARGIN))
        vectors = _describe(chips.reshape(-1, CHIP_PX, CHIP_PX, 3))
        return {"face": vectors[: len(corners)], "face_wide": vectors[len(corners) :]}


class FrameDescriptor:
    """HOG and Lab layout of the whole picture (space "frame")."""

    spaces: ClassVar[dict[str, int]] = {"frame": FACE_DIM}
    version = "hog-lab-2"

    def describe(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the unit vector, float32 (d,), of a BGR picture uint8 (height, width, 3)."""
        # averaging every pixel costs three times as much and describes the same
        finer = (CHIP_PX * MAX_OVERSAMPLING, CHIP_PX * MAX_OVERSAMPLING)
        small = cv2.resize(image, finer, interpolation=cv2.INTER_LINEAR)
        chip = cv2.resize(small, (CHIP_PX, CHIP_PX), interpolation=cv2.INTER_AREA)
        vector: NDArray[np.float32] = _describe(np.asarray(chip, np.uint8)[None])[0]
        return vector


def _landmarks(landmarks: NDArray[np.float32] | None, count: int) -> NDArray[np.float32]:
    if landmarks is None:
        return np.full((count, 5, 2), np.nan, np.float32)
    marks = np.asarray(landmarks, np.float32)
    if marks.shape != (count, 5, 2):
        raise MediaError(f"landmarks must have shape ({count}, 5, 2), got {marks.shape}")
    return marks


def _box_map(corner: NDArray[np.float32], margin: float) -> NDArray[np.float64]:
    """Map (2, 3) of the picture to the chip that holds the square about the box and its margin."""
    x1, y1, x2, y2 = (float(value) for value in corner.reshape(-1))
    side = max(math.sqrt(abs((x2 - x1) * (y2 - y1))), 1.0) * (1 + 2 * margin)
    scale = CHIP_PX / side
    # pixel centres lie at half numbers, so chip = scale * (picture - centre + .5) + half - .5
    shift = (CHIP_PX - 1 + scale) / 2
    right, down = shift - scale * (x1 + x2) / 2, shift - scale * (y1 + y2) / 2
    return np.array([[scale, 0.0, right], [0.0, scale, down]])


def _mark_map(mark: NDArray[np.float32]) -> NDArray[np.float64] | None:
    """Similarity (2, 3) that takes the landmarks nearest to the template, None if not near.

    Least squares over rotation, scale and shift: with points as complex numbers, one division.
    """
    if not np.isfinite(mark).all():
        return None
    source = mark[:, 0].astype(np.float64) + 1j * mark[:, 1]
    middle = source.mean()
    centred = source - middle
    spread = float((np.abs(centred) ** 2).sum())
    if spread == 0.0:
        return None
    turn = complex((centred.conj() * TARGET).sum()) / spread
    misfit = math.sqrt(float((np.abs(turn * centred - TARGET) ** 2).mean()))
    if misfit > MISFIT_PX:
        return None
    shift = TARGET_MIDDLE - turn * (middle - (0.5 + 0.5j)) - (0.5 + 0.5j)
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])


def _chip(image: NDArray[np.uint8], to_chip: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Cut a chip out; where it shrinks, over-sample so that details do not alias."""
    shrink = 1.0 / max(math.hypot(to_chip[0, 0], to_chip[1, 0]), 1e-9)
    times = min(max(math.ceil(shrink / 2), 1), MAX_OVERSAMPLING)
    finer = to_chip * times
    finer[:, 2] += (times - 1) / 2
    size = (CHIP_PX * times, CHIP_PX * times)
    border = cv2.BORDER_REPLICATE
    cut = cv2.warpAffine(image, finer, size, flags=cv2.INTER_LINEAR, borderMode=border)
    if times > 1:
        cut = cv2.resize(cut, (CHIP_PX, CHIP_PX), interpolation=cv2.INTER_AREA)
    return np.asarray(cut, np.uint8)


def _describe(chips: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the unit vectors (n, d) of BGR chips (n, 64, 64, 3)."""
    count = len(chips)
    if not count:
        return np.empty((0, FACE_DIM), np.float32)
    # one tall picture instead of many: OpenCV is called once
    tall = cv2.cvtColor(chips.reshape(count * CHIP_PX, CHIP_PX, 3), cv2.COLOR_BGR2LAB)
    lab = tall.astype(np.float32)
    grid = cv2.resize(lab, (LAYOUT, count * LAYOUT), interpolation=cv2.INTER_AREA)
    layout = np.asarray(grid, np.float32).reshape(count, LAYOUT * LAYOUT, 3) - LAB_ZERO
    layout[..., 0] -= layout[..., 0].mean(1, keepdims=True)
    shape = _hog(np.ascontiguousarray(lab[..., 0]).reshape(count, CHIP_PX, CHIP_PX))
    colour = LAB_WEIGHT * _unit(layout.reshape(count, LAB_DIM))
    return _unit(np.hstack([_unit(shape), colour]))


def _hog(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    """Histograms (n, d) of unsigned gradient directions per cell, normalised over blocks."""
    count = len(grey)
    dx, dy = np.empty_like(grey), np.empty_like(grey)
    np.subtract(grey[:, :, 2:], grey[:, :, :-2], out=dx[:, :, 1:-1])
    np.subtract(grey[:, 2:], grey[:, :-2], out=dy[:, 1:-1])
    for edge, inner in ((0, 1), (-1, -2)):
        sign = 1 if edge else -1
        dx[:, :, edge] = sign * (grey[:, :, edge] - grey[:, :, inner])
        dy[:, edge] = sign * (grey[:, edge] - grey[:, inner])
    size, angle = cv2.cartToPolar(dx.reshape(-1, CHIP_PX), dy.reshape(-1, CHIP_PX))
    # a full turn holds 2 * BINS places; one more, for the upper neighbour of the last, is a guard
    place = angle * np.float32(BINS / np.pi)
    low = np.minimum(place.astype(np.int64), 2 * BINS - 1)
    part = (place - low.astype(np.float32)) * size
    index = (low.reshape(count, -1) + _cell_of_pixel() + _first_of_chip(count)).ravel()
    total = count * CELLS * CELLS * TURN
    votes = np.bincount(index, (size - part).ravel(), total)
    votes += np.bincount(index + 1, part.ravel(), total)
    turn = votes.reshape(count, CELLS, CELLS, TURN)
    turn[..., 0] += turn[..., -1]
    return _block_normalised(turn[..., :BINS] + turn[..., BINS:-1])


@cache
def _cell_of_pixel() -> NDArray[np.int64]:
    cell = np.arange(CHIP_PX) // CELL_PX
    return ((cell[:, None] * CELLS + cell) * TURN).reshape(-1)


def _first_of_chip(count: int) -> NDArray[np.int64]:
    return np.arange(count)[:, None] * (CELLS * CELLS * TURN)


def _block_normalised(cells: NDArray[Any]) -> NDArray[np.float32]:
    """Divide each cell by the length of the 3 x 3 cells about it, cut at 0.2 (Lowe's clipping)."""
    energy = np.pad((cells**2).sum(-1), ((0, 0), (1, 1), (1, 1)), mode="edge")
    rows = energy[:, :-2] + energy[:, 1:-1] + energy[:, 2:]
    around = rows[:, :, :-2] + rows[:, :, 1:-1] + rows[:, :, 2:] + NOISE
    scaled = np.minimum(cells / np.sqrt(around)[..., None], 0.2)
    return np.asarray(scaled.reshape(len(cells), -1), np.float32)


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Divide each row by its length; a row of zeros becomes the first axis."""
    length = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    flat = length < TINY
    scale = np.where(flat, np.float32(1), length)[:, None]
    out = np.divide(vectors, scale, dtype=np.float32)
    out[flat] = 0.0
    out[flat, 0] = 1.0
    return out
