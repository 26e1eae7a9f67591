"""Single pictures: open, cut out, resize, and turn into JPEG and back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from vquery.errors import MediaError
from vquery.media.quiet import silence

if TYPE_CHECKING:
    from collections.abc import Sequence

silence()

Picture: TypeAlias = NDArray[np.uint8]
"""BGR, shape ``(height, width, 3)``."""

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
"""File name endings, lower case, of the pictures that can be opened."""

END_OF_JPEG = b"\xff\xd9"


def open_picture(path: str | Path) -> Picture:
    """Read a picture file as BGR; the orientation in its EXIF data is applied, alpha is dropped.

    Raises
    ------
    MediaError
        If the file is missing, empty, no picture, or cut off.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise MediaError(f"{path}: cannot be read: {error.strerror or error}") from error
    if not data:
        raise MediaError(f"{path}: the file is empty")
    return _decode(data, str(path))


def decode_jpeg(data: bytes) -> Picture:
    """Decode a JPEG (or any other picture format) from memory.

    Raises
    ------
    MediaError
        If the bytes are no picture, or cut off.

    >>> decode_jpeg(encode_jpeg(np.zeros((4, 6, 3), np.uint8))).shape
    (4, 6, 3)
    """
    return _decode(data, f"picture of {len(data)} bytes")


def _decode(data: bytes, what: str) -> Picture:
    # A cut-off JPEG would decode with its lower part grey, and libjpeg would write to stderr.
    if data.startswith(b"\xff\xd8") and data.rfind(END_OF_JPEG) < len(data) // 2:
        raise MediaError(f"{what}: the JPEG is cut off; copy or download it again")
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    except cv2.error as error:
        raise MediaError(f"{what}: cannot be decoded: {error.err}") from error
    if image is None:
        raise MediaError(
            f"{what}: not a picture that can be decoded (damaged, cut off, or another kind of file)"
        )
    return np.asarray(image, np.uint8)


def encode_jpeg(image: Picture, *, longest: int | None = None, quality: int = 90) -> bytes:
    """Encode as JPEG, shrunk first so that the longer side has at most ``longest`` pixels.

    Raises
    ------
    MediaError
        If the picture is empty.
    """
    if longest is not None:
        image = fit(image, longest)
    _size(image)
    done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise MediaError(f"a picture of shape {image.shape} cannot be written as JPEG")
    return data.tobytes()


def fit(image: Picture, longest: int) -> Picture:
    """Shrink so that the longer side has ``longest`` pixels; a smaller picture stays as it is.

    >>> fit(np.zeros((100, 400, 3), np.uint8), 200).shape
    (50, 200, 3)
    """
    height, width = _size(image)
    if longest < 1:
        raise MediaError(f"the longer side must have at least 1 pixel, got {longest}")
    if max(height, width) <= longest:
        return image
    scale = longest / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def crop(image: Picture, box: Sequence[float] | NDArray[np.float32]) -> Picture | None:
    """Cut out a box, clipped to the picture and rounded outward to whole pixels.

    Parameters
    ----------
    image
        The picture.
    box
        ``x1, y1, x2, y2``, normalised to the picture.

    Returns
    -------
    A view into ``image``, or None if nothing of the box lies inside the picture.

    Raises
    ------
    MediaError
        If a coordinate is not finite.

    >>> image = np.zeros((100, 200, 3), np.uint8)
    >>> crop(image, (0.5, -1, 2, 0.5)).shape, crop(image, (1.0, 0, 1.2, 1))
    ((50, 100, 3), None)
    """
    height, width = _size(image)
    corners = np.asarray(box, np.float64)
    if corners.shape != (4,) or not np.isfinite(corners).all():
        raise MediaError(f"a box must be four finite numbers x1, y1, x2, y2, got {box!r}")
    x1, y1, x2, y2 = np.clip(corners, 0, 1) * (width, height, width, height)
    if x1 >= x2 or y1 >= y2:
        return None
    # float32 boxes made from whole pixels must give those pixels back
    left, top = int(np.floor(x1 + 1e-3)), int(np.floor(y1 + 1e-3))
    right, bottom = int(np.ceil(x2 - 1e-3)), int(np.ceil(y2 - 1e-3))
    return image[top : max(bottom, top + 1), left : max(right, left + 1)]


def squared(image: Picture, side: int, *, stretch: bool = False) -> Picture:
    """Bring to a square: the longer side fits, and the border is repeated beside the shorter one.

    Parameters
    ----------
    stretch
        Make both sides fit instead, each by its own factor.

    >>> striped = np.zeros((2, 4, 3), np.uint8)
    >>> striped[0] = 200
    >>> squared(striped, 4)[:, 0, 0].tolist(), squared(striped, 4, stretch=True).shape
    ([200, 200, 0, 0], (4, 4, 3))
    """
    height, width = _size(image)
    scale = side / max(height, width)
    size = (
        (side, side) if stretch else (max(1, round(width * scale)), max(1, round(height * scale)))
    )
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    found = cv2.resize(image, size, interpolation=way)
    down, right = side - size[1], side - size[0]
    edges = (down // 2, down - down // 2, right // 2, right - right // 2)
    return np.asarray(cv2.copyMakeBorder(found, *edges, cv2.BORDER_REPLICATE), np.uint8)


def _size(image: Picture) -> tuple[int, int]:
    if image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise MediaError(f"a picture must have the shape (height, width, 3), got {image.shape}")
    return image.shape[0], image.shape[1]
