"""Write the crop and the vectors of each detection, and thumbnails and vectors of frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
import pyarrow as pa

from vquery import schema
from vquery.media.pictures import crop, encode_jpeg
from vquery.store.parts import PartWriter

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    import numpy.typing as npt

    from vquery.store.parts import Part

CROP_LONGEST_PX = 192
THUMBNAIL_LONGEST_PX = 256
QUALITY = 85
BATCH = 256
PART_BYTES = 32 << 20
"""Vectors of one part, which are in memory until it is closed."""


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

    Memory does not grow with the number of items: vectors go to a new part now and then.

    Parameters
    ----------
    pictures
        Table of the JPEGs, such as "picture.detection".
    spaces
        Dimensions by space; each goes to the table "embedding.SPACE".
    """

    def __init__(self, root: Path, video: str, pictures: str, spaces: Mapping[str, int]) -> None:
        self._root = root
        self._video = video
        self._pictures = PartWriter(root, pictures, schema.PICTURE)
        self._sizes = dict(spaces)
        self._vectors = {space: self._start(space) for space in spaces}
        self._parts: list[Part] = []
        self._ids: list[int] = []
        self._jpegs: list[bytes | None] = []
        self._waiting: dict[str, list[npt.NDArray[np.float32]]] = {space: [] for space in spaces}

    def _start(self, space: str) -> PartWriter:
        return PartWriter(self._root, f"embedding.{space}", schema.embedding(self._sizes[space]))

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
            self._flush()

    def _flush(self) -> None:
        if not self._ids:
            return
        ids = pa.array(self._ids, pa.int64())
        video = pa.repeat(self._video, len(ids))
        jpegs = pa.array(self._jpegs, pa.binary())
        self._pictures.write(pa.table([ids, video, jpegs], schema=schema.PICTURE))
        for space, waiting in self._waiting.items():
            flat = pa.array(np.concatenate(waiting, dtype=np.float32).ravel())
            vectors = pa.FixedSizeListArray.from_arrays(flat, self._sizes[space])
            self._write(space, pa.table([ids, video, vectors], schema=self._vectors[space].schema))
            waiting.clear()
        self._ids, self._jpegs = [], []

    def _write(self, space: str, rows: pa.Table) -> None:
        self._vectors[space].write(rows)
        if self._vectors[space].rows * self._sizes[space] * 4 >= PART_BYTES:
            self._parts.append(self._vectors[space].close())
            self._vectors[space] = self._start(space)

    def close(self) -> list[Part]:
        """Write what is left; empty tables give no part."""
        self._flush()
        self._parts += close_parts((self._pictures, *self._vectors.values()))
        return self._parts

    def abort(self) -> None:
        """Remove what was written."""
        for writer in (self._pictures, *self._vectors.values()):
            writer.abort()
        for part in self._parts:
            (self._root / part.path).unlink(missing_ok=True)
        self._parts = []


def close_parts(writers: Iterable[PartWriter]) -> list[Part]:
    """Close the writers that hold rows; remove the files of the others."""
    parts = []
    for writer in writers:
        if writer.rows:
            parts.append(writer.close())
        else:
            writer.abort()
    return parts


def crops(image: npt.NDArray[np.uint8], boxes: npt.NDArray[np.float32]) -> list[bytes | None]:
    """Cut out boxes as JPEG; None for a box that lies wholly off the picture."""
    return [_crop(image, box) for box in boxes]


def _crop(image: npt.NDArray[np.uint8], box: npt.NDArray[np.float32]) -> bytes | None:
    piece = crop(image, box)
    return None if piece is None else encode_jpeg(piece, longest=CROP_LONGEST_PX, quality=QUALITY)


def thumbnail(image: npt.NDArray[np.uint8]) -> bytes:
    """Shrink a frame to a JPEG."""
    return encode_jpeg(image, longest=THUMBNAIL_LONGEST_PX, quality=QUALITY)
