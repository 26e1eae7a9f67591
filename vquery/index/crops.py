"""Write the crop and the vectors of each detection, and thumbnails and vectors of frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
import pyarrow as pa

from vquery import schema
from vquery.media.pictures import crop, encode_jpeg

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import numpy.typing as npt

    from vquery.index.parts import Parts

CROP_LONGEST_PX = 192
THUMBNAIL_LONGEST_PX = 256
QUALITY = 85
BATCH = 256


class Describer(Protocol):
    """What turns boxes into unit vectors, in one or more spaces."""

    @property
    def spaces(self) -> Mapping[str, int]:
        """Dimensions by space."""
        ...

    def describe(
        self,
        image: npt.NDArray[np.uint8],
        boxes: npt.NDArray[np.float32],
        landmarks: npt.NDArray[np.float32] | None = None,
    ) -> dict[str, npt.NDArray[np.float32]]:
        """Return float32 ``(n, d)`` by space."""
        ...


class ItemWriter:
    """Buffers pictures and vectors of items and writes them in batches, in order of their ids.

    Parameters
    ----------
    pictures
        Table of the JPEGs, such as "picture.detection".
    spaces
        Dimensions by space; each goes to the table "embedding.SPACE".
    """

    def __init__(self, parts: Parts, video: str, pictures: str, spaces: Mapping[str, int]) -> None:
        self._parts = parts
        self._video = video
        self._pictures = pictures
        self._schemas = {space: schema.embedding(size) for space, size in spaces.items()}
        self._ids: list[int] = []
        self._jpegs: list[bytes | None] = []
        self._waiting: dict[str, list[npt.NDArray[np.float32]]] = {space: [] for space in spaces}

    def add(
        self,
        ids: Iterable[int],
        jpegs: Iterable[bytes | None],
        vectors: Mapping[str, npt.NDArray[np.float32]],
    ) -> None:
        """Add items of one frame; vectors are ``(n, d)``."""
        self._ids.extend(int(i) for i in ids)
        self._jpegs.extend(jpegs)
        for space, rows in vectors.items():
            self._waiting[space].append(rows)
        if len(self._ids) >= BATCH:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        if not self._ids:
            return
        ids = pa.array(self._ids, pa.int64())
        video = pa.repeat(self._video, len(ids))
        jpegs = pa.array(self._jpegs, pa.binary())
        rows = pa.table([ids, video, jpegs], schema=schema.PICTURE)
        self._parts.write(self._pictures, rows, schema.PICTURE)
        for space, waiting in self._waiting.items():
            matrix = np.concatenate(waiting, dtype=np.float32)
            vectors = pa.FixedSizeListArray.from_arrays(pa.array(matrix.ravel()), matrix.shape[1])
            rows = pa.table([ids, video, vectors], schema=self._schemas[space])
            self._parts.write(f"embedding.{space}", rows, self._schemas[space])
            waiting.clear()
        self._ids, self._jpegs = [], []


def crops(image: npt.NDArray[np.uint8], boxes: npt.NDArray[np.float32]) -> list[bytes | None]:
    """Cut out boxes as JPEG; None for a box that lies wholly off the picture."""
    return [_crop(image, box) for box in boxes]


def _crop(image: npt.NDArray[np.uint8], box: npt.NDArray[np.float32]) -> bytes | None:
    piece = crop(image, box)
    return None if piece is None else encode_jpeg(piece, longest=CROP_LONGEST_PX, quality=QUALITY)


def thumbnail(image: npt.NDArray[np.uint8]) -> bytes:
    """Shrink a frame to a JPEG."""
    return encode_jpeg(image, longest=THUMBNAIL_LONGEST_PX, quality=QUALITY)
