"""Describe faces and frames by vectors of unit length whose cosine tells how alike they look.

Shape as a histogram of oriented gradients (N. Dalal, B. Triggs 2005) and colour as a coarse Lab
layout whose mean lightness is removed. No weights are needed. The same person in the same
clothes is found again across shots; the same person in different photographs is out of reach,
which is what `OnnxDescriptor` is for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import cv2
import numpy as np

from vquery.errors import MediaError

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHIP_PX = 64
CELL_PX = 8
BINS = 9
LAYOUT = 8
HOG_DIM = (CHIP_PX // CELL_PX) ** 2 * BINS
LAB_DIM = LAYOUT * LAYOUT * 3
FACE_DIM = HOG_DIM + LAB_DIM
MARGIN = 0.5
"""Of a face's side, all around, in the wide crop."""
LAB_WEIGHT = 0.5
TEMPLATE = np.array(
    [[0.31, 0.40], [0.69, 0.40], [0.50, 0.60], [0.35, 0.79], [0.65, 0.79]], np.float32
)
"""Where YuNet's landmarks lie in its boxes on average, in box units."""


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
    version = "hog-lab-1"

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
            Normalised; a face whose landmarks are not all finite is cut out by its box alone.

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
            upright = _box_map(corner, 0.0)
            aligned = _mark_map(mark, corner) if np.isfinite(mark).all() else upright
            chips[0, i] = _chip(image, aligned)
            chips[1, i] = _chip(image, _box_map(corner, MARGIN))
        vectors = _describe(chips.reshape(-1, CHIP_PX, CHIP_PX, 3))
        return {"face": vectors[: len(corners)], "face_wide": vectors[len(corners) :]}


class FrameDescriptor:
    """HOG and Lab layout of the whole picture (space "frame")."""

    spaces: ClassVar[dict[str, int]] = {"frame": FACE_DIM}
    version = "hog-lab-1"

    def describe(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the unit vector, float32 (d,), of a BGR picture uint8 (height, width, 3)."""
        chip = cv2.resize(image, (CHIP_PX, CHIP_PX), interpolation=cv2.INTER_AREA)
        return _describe(chip[None])[0]


def _landmarks(landmarks: NDArray[np.float32] | None, count: int) -> NDArray[np.float32]:
    if landmarks is None:
        return np.full((count, 5, 2), np.nan, np.float32)
    marks = np.asarray(landmarks, np.float32)
    if marks.shape != (count, 5, 2):
        raise MediaError(f"landmarks must have shape ({count}, 5, 2), got {marks.shape}")
    return marks


def _box_map(corner: NDArray[np.float32], margin: float) -> NDArray[np.float64]:
    """Map (2, 3) of the picture to the chip that holds the square about the box and its margin."""
    centre = corner.mean(0)
    side = max(float(np.sqrt(np.abs(np.prod(corner[1] - corner[0])))), 1.0) * (1 + 2 * margin)
    scale = CHIP_PX / side
    shift = CHIP_PX / 2 - scale * centre - 0.5 * (1 - scale)
    return np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])


def _mark_map(mark: NDArray[np.float32], corner: NDArray[np.float32]) -> NDArray[np.float64]:
    """Similarity (2, 3) that takes the landmarks nearest to the template (S. Umeyama 1991)."""
    target = TEMPLATE.astype(np.float64) * CHIP_PX
    source = mark.astype(np.float64)
    from_mean, to_mean = source.mean(0), target.mean(0)
    x, y = (source - from_mean).T
    u, v = (target - to_mean).T
    spread = float((x * x + y * y).sum())
    if spread < 1e-6:
        return _box_map(corner, 0.0)
    # least squares over rotations and scales: a complex number times the centred points
    real, turn = float((x * u + y * v).sum()) / spread, float((x * v - y * u).sum()) / spread
    if real * real + turn * turn < 1e-12:
        return _box_map(corner, 0.0)
    matrix = np.array([[real, -turn], [turn, real]])
    return np.column_stack([matrix, to_mean - matrix @ from_mean - 0.5 + 0.5 * matrix.sum(1)])


def _chip(image: NDArray[np.uint8], to_chip: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Cut a chip out; where it shrinks, over-sample so that details do not alias."""
    shrink = 1.0 / np.hypot(to_chip[0, 0], to_chip[1, 0])
    times = int(min(max(np.floor(shrink), 1), 8))
    big = to_chip * times
    big[:, 2] += (times - 1) / 2
    size = (CHIP_PX * times, CHIP_PX * times)
    cut = cv2.warpAffine(image, big, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    if times > 1:
        cut = cv2.resize(cut, (CHIP_PX, CHIP_PX), interpolation=cv2.INTER_AREA)
    return np.asarray(cut, np.uint8)


def _describe(chips: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the unit vectors (n, d) of BGR chips (n, 64, 64, 3)."""
    if not len(chips):
        return np.empty((0, FACE_DIM), np.float32)
    lab = np.stack([cv2.cvtColor(chip, cv2.COLOR_BGR2LAB) for chip in chips]).astype(np.float32)
    both = np.hstack([_unit(_hog(lab[..., 0])), LAB_WEIGHT * _unit(_layout(lab))])
    return _unit(both)


def _layout(lab: NDArray[np.float32]) -> NDArray[np.float32]:
    cell = CHIP_PX // LAYOUT
    grid = lab.reshape(-1, LAYOUT, cell, LAYOUT, cell, 3).mean((2, 4)) - 128
    grid[..., 0] -= grid[..., 0].mean((1, 2), keepdims=True)
    return grid.reshape(len(lab), -1)


def _hog(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    """Histograms (n, d) of unsigned gradient directions per cell, normalised over blocks."""
    padded = np.pad(grey, ((0, 0), (1, 1), (1, 1)), mode="edge")
    dx = padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]
    dy = padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]
    size = np.sqrt(dx * dx + dy * dy)
    place = np.arctan2(dy, dx) * (BINS / np.pi) % BINS
    low = np.floor(place).astype(np.int64)
    part = (place - low) * size
    cells = CHIP_PX // CELL_PX
    index = np.arange(CHIP_PX) // CELL_PX
    cell = (index[:, None] * cells + index) * BINS
    first = (np.arange(len(grey)) * cells * cells * BINS)[:, None, None] + cell
    total = len(grey) * cells * cells * BINS
    histogram = np.bincount((first + low % BINS).ravel(), (size - part).ravel(), total)
    histogram += np.bincount((first + (low + 1) % BINS).ravel(), part.ravel(), total)
    return _block_normalised(histogram.reshape(-1, cells, cells, BINS)).astype(np.float32)


def _block_normalised(cells: NDArray[np.float64]) -> NDArray[np.float64]:
    """Divide each cell by the length of the 3 x 3 cells about it, cut at 0.2 (Lowe's clipping)."""
    energy = np.pad((cells**2).sum(-1), ((0, 0), (1, 1), (1, 1)), mode="edge")
    n = cells.shape[1]
    around = sum(energy[:, i : i + n, j : j + n] for i in range(3) for j in range(3))
    scaled = cells / np.sqrt(around + 1e-2 * CELL_PX**4)[..., None]
    return np.minimum(scaled, 0.2).reshape(len(cells), -1)


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Divide each row by its length; a row of zeros becomes the first axis."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    out = np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)
    out[length[:, 0] == 0, 0] = 1.0
    return out
