"""Describe faces and frames by vectors of unit length whose cosine tells how alike they look.

Shape as a histogram of oriented gradients (N. Dalal, B. Triggs 2005) and colour as a coarse Lab
layout whose mean lightness is removed. No weights are needed. The same person in the same
clothes is found again across shots; the same person in different photographs is out of reach,
which is what `OnnxDescriptor` is for.
"""

from __future__ import annotations

import hashlib
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import cv2
import numpy as np

from vquery.errors import MediaError
from vquery.media import chips, onnx

if TYPE_CHECKING:
    from pathlib import Path

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
MISFIT = 0.05
"""Landmarks that lie further from the template, in chip sides, are no frontal face's."""
FRAME_FINER = 4
LAB_ZERO = 128.0
FAR = 4.0
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

        Examples
        --------
        >>> black, nowhere = np.zeros((9, 9, 3), np.uint8), np.array([[2, 2, 2, 2]], np.float32)
        >>> vector = FaceDescriptor().describe(black, nowhere)["face"]
        >>> vector.shape, round(float((vector**2).sum()), 3)
        ((1, 768), 1.0)
        """
        corners, marks = _in_pixels(image, boxes, landmarks)
        cuts = np.empty((2, len(corners), CHIP_PX, CHIP_PX, 3), np.uint8)
        for i, (corner, mark) in enumerate(zip(corners, marks, strict=True)):
            fit = chips.landmark_map(mark, chips.FRONTAL, CHIP_PX)
            aligned = fit is not None and fit[1] <= MISFIT
            near = fit[0] if fit is not None and aligned else chips.box_map(corner, CHIP_PX)
            cuts[0, i] = chips.cut(image, near, CHIP_PX)
            cuts[1, i] = chips.cut(image, chips.box_map(corner, CHIP_PX, MARGIN), CHIP_PX)
        vectors = _describe(cuts.reshape(-1, CHIP_PX, CHIP_PX, 3))
        return {"face": vectors[: len(corners)], "face_wide": vectors[len(corners) :]}


class FrameDescriptor:
    """HOG and Lab layout of the whole picture (space "frame")."""

    spaces: ClassVar[dict[str, int]] = {"frame": FACE_DIM}
    version = "hog-lab-2"

    def describe(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the unit vector, float32 (d,), of a BGR picture uint8 (height, width, 3)."""
        chips.picture_size(image)
        # averaging every pixel costs three times as much and describes the same
        finer = (CHIP_PX * FRAME_FINER, CHIP_PX * FRAME_FINER)
        small = cv2.resize(image, finer, interpolation=cv2.INTER_LINEAR)
        chip = cv2.resize(small, (CHIP_PX, CHIP_PX), interpolation=cv2.INTER_AREA)
        vector: NDArray[np.float32] = _describe(np.asarray(chip, np.uint8)[None])[0]
        return vector


class OnnxDescriptor:
    """A network of the user's own, in an ONNX file, through ``cv2.dnn``.

    Parameters
    ----------
    path : Path
        A file whose input is ``(1 or free, 3, height, width)``.
    space : str, optional
        Name of the space. One name stands for one network: vectors of two are not comparable.
    size : (int, int), optional
        Width and height of the input; needed only where the file leaves them free.
    mean, scale : optional
        The input is ``(pixel - mean) * scale``; ``mean`` in the order of the input's channels.
    swap_rb : bool, optional
        Whether the input is RGB (most networks) rather than BGR.
    align : {"landmarks", "box"}, optional
        Faces by their five landmarks, as recognition networks expect (estimated from the box
        where they are unknown), or anything by the square about its box.
    margin : float, optional
        Added to the box on all sides, in box sides; for ``align="box"``.
    output : str, optional
        Name of the output; by default the only one.

    Raises
    ------
    MediaError
        If the file is missing, is no such network, or uses what OpenCV cannot run.
    """

    def __init__(
        self,
        path: Path,
        *,
        space: str = "face_onnx",
        size: tuple[int, int] | None = None,
        mean: tuple[float, float, float] = (0.0, 0.0, 0.0),
        scale: float = 1.0,
        swap_rb: bool = True,
        align: Literal["landmarks", "box"] = "landmarks",
        margin: float = 0.0,
        output: str | None = None,
    ) -> None:
        if align not in ("landmarks", "box"):
            raise MediaError(f"align must be 'landmarks' or 'box', got {align!r}")
        self.path = path
        self._size = _input_size(path, size)
        self._input: dict[str, Any] = {"scalefactor": scale, "mean": mean, "swapRB": swap_rb}
        self._align, self._margin, self._output = align, margin, output
        try:
            self._net = cv2.dnn.readNetFromONNX(str(path))
            probe = self._run(np.zeros((self._size[1], self._size[0], 3), np.uint8))
        except cv2.error as error:
            reason = " ".join(str(error.err or error).split())
            raise MediaError(f"{path}: OpenCV {cv2.__version__} cannot run it: {reason}") from error
        self.spaces = {space: len(probe)}
        options = (self._size, mean, scale, swap_rb, align, margin, output)
        content = hashlib.sha256(path.read_bytes() + repr(options).encode())
        self.version = f"onnx-{content.hexdigest()[:16]}"

    def describe(
        self,
        image: NDArray[np.uint8],
        boxes: NDArray[np.float32],
        landmarks: NDArray[np.float32] | None = None,
    ) -> dict[str, NDArray[np.float32]]:
        """Describe each box of a picture by a unit vector, as `FaceDescriptor.describe` does."""
        corners, marks = _in_pixels(image, boxes, landmarks)
        ((space, dimensions),) = self.spaces.items()
        vectors = np.empty((len(corners), dimensions), np.float32)
        for i, (corner, mark) in enumerate(zip(corners, marks, strict=True)):
            vectors[i] = self._run(self._chip(image, corner, mark))
        return {space: _unit(vectors)}

    def _chip(
        self, image: NDArray[np.uint8], corner: NDArray[np.float32], mark: NDArray[np.float32]
    ) -> NDArray[np.uint8]:
        side = max(self._size)
        where = chips.box_map(corner, side, self._margin)
        if self._align == "landmarks":
            likely = corner[0] + chips.FRONTAL.astype(np.float32) * (corner[1] - corner[0])
            known = mark if np.isfinite(mark).all() else likely
            fit = chips.landmark_map(known, chips.ARCFACE, side)
            where = where if fit is None else fit[0]
        chip = chips.cut(image, where, side)
        if self._size != (side, side):
            chip = np.asarray(cv2.resize(chip, self._size, interpolation=cv2.INTER_AREA), np.uint8)
        return chip

    def _run(self, chip: NDArray[np.uint8]) -> NDArray[np.float32]:
        self._net.setInput(cv2.dnn.blobFromImage(chip, **self._input))
        answer = self._net.forward() if self._output is None else self._net.forward(self._output)
        return np.asarray(answer, np.float32).reshape(-1)


def _input_size(path: Path, size: tuple[int, int] | None) -> tuple[int, int]:
    """Width and height of the network's input, from the file or as the user says."""
    shape = onnx.input_shape(path)
    if len(shape) != 4 or shape[1] not in (3, None) or shape[0] not in (1, None):
        raise MediaError(
            f"{path}: expected an input of shape (1, 3, height, width), got {shape}; None is free"
        )
    height, width = shape[2:]
    if width is not None and height is not None:
        if size not in (None, (width, height)):
            raise MediaError(f"{path}: the input is {width} x {height} pixels; size says {size}")
        return width, height
    if size is None:
        raise MediaError(f"{path}: the input's size is free; say size=(width, height)")
    return size


def _in_pixels(
    image: NDArray[np.uint8],
    boxes: NDArray[np.float32],
    landmarks: NDArray[np.float32] | None,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Corners (n, 2, 2) and landmarks (n, 5, 2) in pixels, NaN where landmarks are unknown."""
    height, width = chips.picture_size(image)
    size = np.array([width, height], np.float32)
    corners = np.asarray(boxes, np.float32)
    if corners.ndim != 2 or corners.shape[1] != 4:
        raise MediaError(f"boxes must have shape (n, 4), got {corners.shape}")
    if not np.isfinite(corners).all():
        row = int(np.flatnonzero(~np.isfinite(corners).all(1))[0])
        raise MediaError(f"boxes must be finite numbers, row {row} is {corners[row].tolist()}")
    count = len(corners)
    if landmarks is None:
        marks = np.full((count, 5, 2), np.nan, np.float32)
    else:
        marks = np.asarray(landmarks, np.float32)
    if marks.shape != (count, 5, 2):
        raise MediaError(f"landmarks must have shape ({count}, 5, 2), got {marks.shape}")
    # far beyond the picture there is only its border, and OpenCV's coordinates are short integers
    return np.clip(corners.reshape(-1, 2, 2), -FAR, FAR) * size, marks * size


def _describe(cuts: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the unit vectors (n, d) of BGR chips (n, 64, 64, 3)."""
    count = len(cuts)
    if not count:
        return np.empty((0, FACE_DIM), np.float32)
    # one tall picture instead of many: OpenCV is called once
    tall = cv2.cvtColor(cuts.reshape(count * CHIP_PX, CHIP_PX, 3), cv2.COLOR_BGR2LAB)
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
