"""Cut small upright pictures of one size ("chips") out of a picture, by a box or by landmarks.

A map is a float64 (2, 3) matrix that takes pixel positions of the picture to those of the chip.
Pixel centres lie at whole numbers, as OpenCV has it; boxes and landmarks are given in pixels whose
corners lie at whole numbers.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np

from vquery.errors import MediaError

if TYPE_CHECKING:
    from numpy.typing import NDArray

FRONTAL = np.array(
    [[0.31, 0.40], [0.69, 0.40], [0.50, 0.60], [0.35, 0.79], [0.65, 0.79]], np.float64
)
"""Where the landmarks of a frontal face lie in YuNet's box, in box units."""

ARCFACE = (
    np.array(
        [[38.295, 51.696], [73.532, 51.501], [56.025, 71.737], [41.549, 92.366], [70.730, 92.204]],
        np.float64,
    )
    / 112
)
"""Where face recognition networks expect the landmarks, in units of their input's side.

Source: the reference points of InsightFace (MIT), which OpenCV's ``FaceRecognizerSF`` uses too.
"""

MAX_OVERSAMPLING = 3


def picture_size(image: NDArray[np.uint8]) -> tuple[int, int]:
    """Return height and width of a BGR picture.

    Raises
    ------
    MediaError
        If the array is no BGR uint8 picture, or has no pixel.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or 0 in image.shape:
        raise MediaError(
            f"a picture must be a BGR uint8 array of shape (height, width, 3), got {image.dtype} "
            f"with shape {image.shape}"
        )
    return image.shape[0], image.shape[1]


def box_map(corners: NDArray[np.float32], side: int, margin: float = 0.0) -> NDArray[np.float64]:
    """Map to the chip that holds the square about a box.

    Parameters
    ----------
    corners : float (2, 2)
        Upper left and lower right corner in pixels. A box narrower than a pixel counts as one.
    side : int
        Of the chip, in pixels.
    margin : float, optional
        Added on all sides, in box sides.
    """
    (x1, y1), (x2, y2) = corners.tolist()
    width, height = max(abs(x2 - x1), 1.0), max(abs(y2 - y1), 1.0)
    scale = side / (math.sqrt(width * height) * (1 + 2 * margin))
    shift = (side - 1 + scale) / 2
    right, down = shift - scale * (x1 + x2) / 2, shift - scale * (y1 + y2) / 2
    return np.array([[scale, 0.0, right], [0.0, scale, down]])


def landmark_map(
    marks: NDArray[np.float32], template: NDArray[np.float64], side: int
) -> tuple[NDArray[np.float64], float] | None:
    """Similarity that takes the landmarks nearest to a template, and how near.

    Parameters
    ----------
    marks : float (5, 2)
        In pixels.
    template : float64 (5, 2)
        In chip sides.
    side : int
        Of the chip, in pixels.

    Returns
    -------
    (map, misfit) or None
        ``misfit`` is the root mean square distance from the template in chip sides. None where a
        landmark is unknown, or all are one point.

    Notes
    -----
    Least squares over turn, scale and shift; with points as complex numbers it is one division.
    """
    if not np.isfinite(marks).all():
        return None
    source = marks[:, 0].astype(np.float64) + 1j * marks[:, 1]
    target = (template[:, 0] + 1j * template[:, 1]) * side
    from_middle, to_middle = complex(source.mean()), complex(target.mean())
    source -= from_middle
    target -= to_middle
    spread = float((np.abs(source) ** 2).sum())
    if spread == 0.0:
        return None
    turn = complex((source.conj() * target).sum()) / spread
    misfit = math.sqrt(float((np.abs(turn * source - target) ** 2).mean())) / side
    half = 0.5 + 0.5j
    shift = to_middle - half - turn * (from_middle - half)
    return np.array(
        [[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]]
    ), misfit


def cut(image: NDArray[np.uint8], to_chip: NDArray[np.float64], side: int) -> NDArray[np.uint8]:
    """Return the chip, uint8 (side, side, 3); beyond the picture its border is repeated.

    Where the picture shrinks, several samples a pixel are averaged, so that details do not alias.
    """
    shrink = 1.0 / max(math.hypot(to_chip[0, 0], to_chip[1, 0]), 1e-9)
    times = min(max(math.ceil(shrink / 2), 1), MAX_OVERSAMPLING)
    finer = to_chip * times
    finer[:, 2] += (times - 1) / 2
    size = (side * times, side * times)
    border = cv2.BORDER_REPLICATE
    chip = cv2.warpAffine(image, finer, size, flags=cv2.INTER_LINEAR, borderMode=border)
    if times > 1:
        chip = cv2.resize(chip, (side, side), interpolation=cv2.INTER_AREA)
    return np.asarray(chip, np.uint8)
